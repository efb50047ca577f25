"""Secrets in environment variables."""

from dataclasses import dataclass

from tastyauth.errors import SecretAbsent
from tastyauth.secret import Secret, printable
from tastyauth.sources import Reference, Surroundings, accept


@dataclass(frozen=True, slots=True)
class Env(Reference):
    """An environment variable."""

    name: str
    kind = "env"
    reads = "env"
    waits = False
    in_shell = '"${name}"'
    by_hand = (
        "read -rs {name} && export {name} - in this shell; to keep it, set it where your"
        " shell, service or CI keeps its variables"
    )

    def detail(self, home: str) -> str:
        return printable(self.name)  # its pattern leaves no room for a secret

    def resolve(self, around: Surroundings) -> Secret:
        value = around.environ.get(self.name)
        if not value:
            state = "is not set" if value is None else "is empty"
            hint = "export it; cron does not see the variables of your shell"
            raise SecretAbsent(f"{self.describe()} {state}", hint)
        # Bytes that are not UTF-8 arrive as lone surrogates (PEP 383); `accept` refuses them.
        return accept(value.encode("utf-8", "surrogatepass"), self.describe())

    def look(self, around: Surroundings) -> bool:
        self.resolve(around)
        return True
