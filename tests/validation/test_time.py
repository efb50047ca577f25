"""Whatever a file, a server or a program says, it is read in time proportional to its length."""

import time
from collections.abc import Callable

from tables import for_each
from told import of

from tastyauth.exchange.server_text import shown
from tastyauth.secret import Secret
from tastyauth.sources.command import complaint
from tastyauth.validation import other_files, report
from tastyauth.validation.problem import Checked, Document

SECRET = "4d1e0c9b7a52f83e6d0b9c1a7e5f3d2b8a6c4e0f"

CLASSES = {
    "letters": "abcdefghij",
    "digits": "1234567890",
    "hexadecimal digits": "a1b2",
    "base64": "aB3+/xYz9Q",
    "spaces": " ",
    "tabs": "\t",
    "punctuation": ".,;-_#'\"[]{}",
    "backslashes": "\\",
    "newlines": "\n",
    "CR": "\r",
    "wide characters": "\u6f22\u5b57\U0001f600",
    "beginnings of tokens": "eyJ",
    "secrets": f"{SECRET} ",
}


def searched(text: str) -> None:
    found = other_files.problems(text, "x.env")
    lines = tuple(text.split("\n"))
    printed(Checked(Document("x.env", text, lines, None), tuple(found)))


def validated(text: str) -> None:
    printed(of(text))


def quoted(text: str) -> None:
    shown(text, [Secret(SECRET)])
    complaint(text.encode())


def printed(checked: Checked) -> None:
    for output in report.FORMATS.values():
        output([checked], False)


def seconds(task: Callable[[str], None], text: str) -> float:
    started_at = time.process_time()
    task(text)
    return time.process_time() - started_at


def assert_linear(task: Callable[[str], None], beginning: str, repeated: str, size: int) -> None:
    """Twice the length takes twice the time, and not four times.

    A busy machine may slow the longer one down, but not in each of three tries.
    """

    def is_linear() -> bool:
        half, whole = (
            seconds(task, beginning + repeated * (length // len(repeated.encode())))
            for length in (size, 2 * size)
        )
        return whole < 3 * half + 0.3

    assert any(is_linear() for _ in range(3))


@for_each("repeated", CLASSES.values())
def test_a_long_line_is_searched_and_reported_in_linear_time(repeated: str) -> None:
    assert_linear(searched, f"TT_SECRET={SECRET} ", repeated, 100_000)


@for_each("beginning", ["version: 1\n@ ", "version: 1\na: ", "a: [1, ", "# "])
@for_each("repeated", CLASSES.values())
def test_a_long_line_is_validated_and_reported_in_linear_time(
    beginning: str, repeated: str
) -> None:
    assert_linear(validated, beginning, repeated, 30_000)


@for_each("repeated", CLASSES.values())
def test_the_words_of_a_server_or_program_are_quoted_in_linear_time(repeated: str) -> None:
    assert_linear(quoted, "", repeated, 30_000)


@for_each(
    ("repeated", "size"), [("\n", 10_000_000), (f"secret: {SECRET}" + "\n" * 1000, 2_000_000)]
)
def test_megabytes_of_newlines_are_searched_in_linear_time(repeated: str, size: int) -> None:
    assert_linear(searched, "", repeated, size)  # 20 MB take a second on an idle machine
