"""What a config declares and what is wrong with it, as values; nothing is resolved or run."""

import os
from dataclasses import dataclass

from tastyauth import locate
from tastyauth.config import parse
from tastyauth.library import want
from tastyauth.library.wanted import InPython


@dataclass(frozen=True, slots=True)
class DeclaredProfile:
    """A profile as its config declares it.

    `environment` is that of a `Credential`; `client_id` is None where it is a reference.
    """

    name: str
    environment: str
    api_url: str
    client_id: str | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that `tastyauth validate` reports, in its words, which repeat no secret.

    `severity` is "error" or "warning". Lines and columns count from 1, and the end column is the
    first one after it.
    """

    code: str
    severity: str
    message: str
    help: tuple[str, ...]
    line: int
    column: int
    end_line: int
    end_column: int


def profiles(config: str | os.PathLike[str] | None = None) -> tuple[DeclaredProfile, ...]:
    """The profiles of a config, in its order; it need not be approved, since nothing in it is run.

    `config` is that of `get_credential`. Raises ConfigNotFound, ConfigError.
    """
    path, _ = want(None, None, config).found
    with InPython():
        found = parse(locate.read_config(path), path, home=locate.home_directory(os.environ))
    return tuple(
        DeclaredProfile(
            each.name,
            each.exported_environment,
            each.api_url,
            each.client_id if isinstance(each.client_id, str) else None,
            each.name == found.default_name,
        )
        for each in found.profiles
    )


def validate(path: str | os.PathLike[str] | None = None) -> tuple[Problem, ...]:
    """Everything that is wrong with a config, in the order of the file; none if it is valid.

    Without `path` the config that `get_credential` would find. Raises ConfigNotFound when it
    cannot be read.
    """
    from tastyauth.validation import check, document

    name, _ = want(None, None, path).found
    with InPython():
        content = locate.read_config(name)
    return tuple(
        Problem(each.code, each.severity, each.message, each.help, *each.span)
        for each in check(document.read(content, name))
    )
