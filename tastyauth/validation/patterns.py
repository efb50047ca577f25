"""Texts that do not have the form they need: what each form is, and what was probably meant."""

import re
from collections.abc import Callable
from typing import TypeAlias

from tastyauth.validation import example, masking, pasted_secrets, reserved_names
from tastyauth.validation.masking import quoted, shown
from tastyauth.validation.problem import Document, Path, Problem, error

_Judge: TypeAlias = Callable[[Document, Path, str], Problem]


def value_problem(document: Document, path: Path, text: str) -> Problem:
    """What to say about `text`, the value at `path`, which has not the form that it needs."""
    return _VALUES.get(str(path[-1]), _unprintable)(document, path, text)


def name_problem(document: Document, path: Path, name: str) -> Problem:
    """What to say about `name`, a key of the mapping at `path`, which cannot be one."""
    judge = _export_name if path[-1:] == ("exports",) and len(path) == 3 else _profile_name
    return judge(document, (*path, name), name)


def _problem(
    code: str, document: Document, path: Path, message: str, label: str, advice: str
) -> Problem:
    return error(
        code, f"{quoted(path)} {message}", path, document.value_span(path), label, help=(advice,)
    )


def _client_id(document: Document, path: Path, text: str) -> Problem:
    label = "not a UUID"
    if pasted_secrets.is_bare_uuid(text):
        label = "hidden; a UUID without its dashes, in groups of 8, 4, 4, 4 and 12"
    elif text.startswith(("$", "env:", "op://")):
        label = "hidden; looks like a reference written as text"
    elif reserved_names.is_variable_name(text) and "_" in text:
        label = "hidden; looks like the name of a variable"
    return _problem(
        "TA107",
        document,
        path,
        "must be a client ID, which is a UUID, or a reference to one",
        label,
        f"write the UUID that is shown beside your OAuth application, or a reference, "
        f"{example.lines(['client_id'], path)}\n{example.reference('env', path)}",
    )


def _variable_name(document: Document, path: Path, text: str) -> Problem:
    label = "not the name of a variable"
    advice = "write the NAME of the variable: upper case letters, digits and _, a letter first"
    if text.startswith("$"):
        label, advice = "a name has no $", "write the name alone, without $ and braces"
    elif reserved_names.is_variable_name(text.upper()):
        label = "must be upper case"
        advice = "use a variable whose name is in upper case; shells treat others as their own"
    elif not text:
        label = "empty"
    return _problem("TA108", document, path, "must be the name of a variable", label, advice)


def _default_profile(document: Document, path: Path, _: str) -> Problem:
    return _problem(
        "TA109",
        document,
        path,
        "must be the name of a profile",
        "not a name of a profile",
        "a name is made of letters, digits, _ . and -, and begins with a letter or digit",
    )


def _profile_name(document: Document, path: Path, name: str) -> Problem:
    return error(
        "TA109",
        f'"{shown(name)}" cannot be the name of a profile',
        path,
        document.key_span(path),
        "empty" if not name else "too long" if len(name) > 64 else "not a name of a profile",
        help=("a name is made of letters, digits, _ . and -, and begins with a letter or digit",),
        on_key=True,
    )


def _export_name(document: Document, path: Path, name: str) -> Problem:
    profile = quoted(path[:2])
    if reserved_names.is_variable_name(name):
        known = name if reserved_names.is_known_refused(name) else shown(name)
        return error(
            "TA112",
            f'{profile} must not export "{known}"',
            path,
            document.key_span(path),
            "changes how shells or programs behave",
            help=("choose another name, for example TASTYTRADE_ACCESS_TOKEN",),
            on_key=True,
        )
    upper = name.replace("-", "_").upper()
    fits = reserved_names.is_variable_name(upper) and shown(upper) != masking.HIDDEN
    return error(
        "TA108",
        f'{profile} exports "{shown(name)}", which is not the name of a variable',
        path,
        document.key_span(path),
        f"did you mean {upper}?" if fits else "not the name of a variable",
        help=("a name is made of upper case letters, digits and _, and begins with a letter",),
        on_key=True,
    )


_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)")


def _api_url(document: Document, path: Path, text: str) -> Problem:
    label, advice = "not the origin of an API", "write https://host or https://host:port"
    scheme, separator, rest = text.partition("://")
    if not separator:
        label = "a scheme is missing"
    elif "@" in rest:
        label = "hidden; holds a user name or password"
        advice = "remove what stands before the @; an API URL holds no credentials"
    elif scheme in {"http", "https"} and rest.endswith("/") and "/" not in rest[:-1]:
        label, advice = "ends with a slash", "remove the slash at the end"
    elif scheme == "http" and not _LOOPBACK.match(rest):
        label = "http is for this machine only"
        advice = "write https, or http with 127.0.0.1, [::1] or localhost"
    elif scheme not in {"http", "https"}:
        label = "an unknown scheme"
    elif "/" in rest or "?" in rest or "#" in rest:
        label = "more than an origin"
        advice = "remove the path; the token endpoint is api_url + /oauth/token"
    return _problem("TA111", document, path, "must be the origin of an API", label, advice)


def _user_agent(document: Document, path: Path, _: str) -> Problem:
    return _problem(
        "TA113",
        document,
        path,
        "must be product/version",
        "not product/version",
        f"write it without blanks, for example {example.line('user_agent')}",
    )


def _systemd_credential(document: Document, path: Path, text: str) -> Problem:
    return _problem(
        "TA113",
        document,
        path,
        "must be the name of one credential",
        "a name, not a path" if "/" in text else "not a name",
        "write the name alone; it is looked up below $CREDENTIALS_DIRECTORY",
    )


def _dotenv_name(document: Document, path: Path, _: str) -> Problem:
    return _problem(
        "TA108",
        document,
        path,
        "must be the name of a variable in the .env file",
        "not the name of a variable",
        f"write the name that stands before the =, for example {example.line('name')}",
    )


def _onepassword(document: Document, path: Path, text: str) -> Problem:
    return _problem(
        "TA114",
        document,
        path,
        "must be a secret reference of 1Password",
        "too few or too many parts" if text.startswith("op://") else "does not begin with op://",
        'write "op://vault/item/field"; the app copies it: Copy Secret Reference',
    )


def _pass_entry(document: Document, path: Path, _: str) -> Problem:
    return _problem(
        "TA113",
        document,
        path,
        "must be the name of an entry",
        "not a name of an entry",
        f"write it as in `pass show ENTRY`, for example {example.line('pass')}",
    )


def _json_pointer(document: Document, path: Path, text: str) -> Problem:
    return _problem(
        "TA115",
        document,
        path,
        "must be a JSON Pointer",
        "does not begin with /" if not text.startswith("/") else "~ is written ~0, / is written ~1",
        "write /key/key, for example /data/value (RFC 6901); it is no jq expression",
    )


def _unprintable(document: Document, path: Path, _: str) -> Problem:
    return _problem(
        "TA113",
        document,
        path,
        "must be one line of text without control characters",
        "holds a line break or a control character",
        "write it on one line",
    )


_VALUES: dict[str, _Judge] = {
    "client_id": _client_id,
    "env": _variable_name,
    "default_profile": _default_profile,
    "api_url": _api_url,
    "user_agent": _user_agent,
    "systemd_credential": _systemd_credential,
    "name": _dotenv_name,
    "onepassword": _onepassword,
    "pass": _pass_entry,
    "json": _json_pointer,
}
