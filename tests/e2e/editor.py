"""An editor as far as yaml-language-server can tell: it opens files and asks (LSP 3.17)."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .parts import installed, program
from .processes import Place

Message = dict[str, Any]

SETTINGS = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}

CAPABILITIES = {
    "textDocument": {"completion": {"completionItem": {"snippetSupport": True}}},
    "workspace": {"configuration": True},
}


class Editor:
    """One running language server, and the folder that is open in it."""

    def __init__(self, process: "subprocess.Popen[str]", folder: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to = process.stdin.buffer  # type: ignore[attr-defined]
        self._from = process.stdout.buffer  # type: ignore[attr-defined]
        self._last = 0
        self.folder = folder
        root = f"file://{folder}"
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": root,
                "capabilities": CAPABILITIES,
                "workspaceFolders": [{"uri": root, "name": "project"}],
            },
        )
        self._send({"method": "initialized", "params": {}})

    def diagnostics(self, name: str, text: str) -> list[Message]:
        """What is underlined in a file of this name."""
        uri = self._open(name, text)

        def about_it(message: Message) -> bool:
            published = message.get("method") == "textDocument/publishDiagnostics"
            return published and message["params"]["uri"] == uri

        found: list[Message] = self._until(about_it)["params"]["diagnostics"]
        return found

    def completions(self, name: str, text: str) -> list[str]:
        """What is offered at the `|` in `text`."""
        before, _, after = text.partition("|")
        uri = self._open(name, before + after)
        answer = self._ask("textDocument/completion", _at(uri, before))
        return [item["label"] for item in answer["items"]]

    def hover(self, name: str, text: str) -> str:
        """What is shown at the `|` in `text`, in Markdown."""
        before, _, after = text.partition("|")
        uri = self._open(name, before + after)
        answer = self._ask("textDocument/hover", _at(uri, before))
        return str(answer["contents"]["value"]) if answer else ""

    def _open(self, name: str, text: str) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        document = {"uri": f"file://{path}", "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return f"file://{path}"

    def _ask(self, method: str, params: Message) -> Any:
        self._last += 1
        number = self._last
        self._send({"id": number, "method": method, "params": params})
        answer = self._until(
            lambda message: message.get("id") == number and "method" not in message
        )
        return answer["result"]

    def _until(self, awaited: Callable[[Message], bool]) -> Message:
        """Reads until that message comes, and answers what the server asks meanwhile."""
        while True:
            message = self._read()
            if awaited(message):
                return message
            if "id" in message and "method" in message:
                self._send({"id": message["id"], "result": self._answer(message)})

    def _answer(self, message: Message) -> object:
        if message["method"] != "workspace/configuration":
            return None
        wanted = [item.get("section") for item in message["params"]["items"]]
        return [SETTINGS if section == "yaml" else None for section in wanted]

    def _read(self) -> Message:
        length = 0
        while line := self._from.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has ended"
        message: Message = json.loads(self._from.read(length))
        return message

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._to.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._to.flush()


def _at(uri: str, before: str) -> Message:
    """The place in a file that this text leads up to."""
    place = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
    return {"textDocument": {"uri": uri}, "position": place}


@contextmanager
def editor_in(place: Place, folder: str) -> Iterator[Editor]:
    """An editor with `folder` open in it."""
    server = installed("npm/node_modules/yaml-language-server/bin/yaml-language-server")
    with place.started(program("node"), server, "--stdio") as process:
        yield Editor(process, folder)
