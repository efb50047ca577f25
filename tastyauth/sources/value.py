"""What a source gave becomes a secret only when it can be one; nothing is guessed or trimmed."""

from tastyauth.errors import SecretError
from tastyauth.secret import Secret

LIMIT = 16 * 1024
"""Characters. Larger than any client secret or refresh token seen, smaller than a pasted file."""

ALONE = "keep the secret alone there, on one line"
"""What to do about several lines where no single one can be asked for."""


def accept(raw: bytes, label: str, several_lines: str = ALONE) -> Secret:
    """The secret in `raw`, without the one line ending that editors and programs add.

    It is 1 to 16384 characters of printable ASCII (RFC 6749, appendix A) with no blanks at the
    ends. Otherwise raises SecretError: what is wrong with the value of `label` and what to do,
    `several_lines` being the cure for that case; never the value.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(
            f"the value of {label} is not UTF-8 text", "store it again as plain text"
        ) from None
    text = without_line_ending(text)
    defect = _defect(text, several_lines)
    if defect is None:
        return Secret(text)
    what, cure = defect
    raise SecretError(f"the value of {label} {what}", cure)


def without_line_ending(text: str) -> str:
    """`text` without one `\\n` or `\\r\\n` at its end."""
    if text.endswith("\n"):
        return text[:-1].removesuffix("\r")
    return text


def _defect(text: str, several_lines: str) -> tuple[str, str] | None:
    if not text:
        return "is empty", "store the secret there"
    if "\n" in text:
        lines = text.count("\n") + 1
        return f"has {lines} lines, not one", several_lines
    if len(text) > LIMIT:
        return f"is longer than {LIMIT} characters", "store the secret alone there"
    if "\r" in text:
        position = text.index("\r") + 1
        return f"has a carriage return at position {position}", "store it without Windows line ends"
    if text[0] == "\ufeff":
        return "begins with a byte order mark", "store it as UTF-8 without a byte order mark"
    if text[0].isspace():
        return "begins with a blank", "store it without blanks around it"
    if text[-1].isspace():
        return "ends with a blank", "store it without blanks around it"
    for position, character in enumerate(text, 1):
        if not " " <= character <= "~":
            what = "a control" if character.isascii() else "a non-ASCII"
            return (
                f"has {what} character at position {position}",
                "copy it again from where it came",
            )
    return None
