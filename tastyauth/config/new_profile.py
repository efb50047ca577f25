"""The text of a new profile, and where it fits into a config."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tastyauth.errors import APPLICATIONS_PAGE, ConfigError
from tastyauth.posix import quote
from tastyauth.sources import kind_of
from tastyauth.validation import document

EXPLANATION = f"""\
You need two values from tastytrade. Both come from the OAuth Applications page:
  {APPLICATIONS_PAGE}

  client secret  shown once, when you create an application: New OAuth client, tick only read unless
                 your bot places orders. Lost it? Regenerate it: that ends all grants
  refresh token  Manage → Create Grant on that application. It never expires: make
                 one grant for each machine, so that you can delete one without the others

Never send them to anyone, chat assistants included. What you paste is not shown.
Does a bot already have them? tastyauth init --from its/.env reads them. Ctrl-C changes nothing."""

HEAD = "version: 1\nprofiles:\n"
"""What a new config begins with; profiles follow."""

_OLD_NAMES = {
    "client_id": "TASTYTRADE_CLIENT_ID TT_CLIENT_ID TASTY_CLIENT_ID TT_API_CLIENT_ID"
    " OAUTH_CLIENT_ID",
    "client_secret": "TASTYTRADE_CLIENT_SECRET TT_CLIENT_SECRET TT_SECRET TT_PROVIDER_SECRET"
    " TASTY_CLIENT_SECRET TT_API_CLIENT_SECRET OAUTH_CLIENT_SECRET",
    "refresh_token": "TASTYTRADE_REFRESH_TOKEN TT_REFRESH_TOKEN TT_REFRESH TASTY_REFRESH_TOKEN"
    " OAUTH_REFRESH_TOKEN",
}
"""What bots and SDKs call the credentials in their .env files; the official clients' name first."""

USUAL_NAMES = tuple(names.split()[0] for names in _OLD_NAMES.values())


@dataclass(frozen=True, slots=True)
class NewProfile:
    """What is written into the config for one profile.

    `scopes` are what its grant may do; empty to leave that unsaid.
    """

    name: str
    environment: str
    api_url: str | None
    client_id: str
    store: str
    scopes: tuple[str, ...] = ()

    def block(self, indent: str = "  ", ending: str = "\n") -> str:
        """The profile as YAML; `store` is the kind of its references."""
        spelling = kind_of(self.store).spelling
        values = {
            "environment": self.environment,
            "api_url": self.api_url,
            "client_id": self.client_id,
            **{
                name: spelling.format(profile=self.name, name=name, dashed=name.replace("_", "-"))
                for name in ("client_secret", "refresh_token")
            },
            "scopes": f"[{', '.join(self.scopes)}]" if self.scopes else None,
        }
        lines = [f"  {key}: {value}" for key, value in values.items() if value is not None]
        return "".join(f"{indent}{line}{ending}" for line in (f"{self.name}:", *lines))


@dataclass(frozen=True, slots=True)
class Room:
    """Where one more profile fits into a config.

    `line` is the one that says `profiles:`, from 1. Where there was one profile and no
    `default_profile`, `default` is its name: what worked without -p must still mean the same.
    """

    text: str
    line: int
    indent: str
    default: str

    def filled(self, profile: NewProfile) -> str:
        """The config with the profile added; all the bytes that were there stay the same."""
        lines = self.text.splitlines(keepends=True)
        ending = "\r\n" if lines[0].endswith("\r\n") else "\n"
        lines.insert(self.line, profile.block(self.indent, ending))
        if self.default:
            lines.insert(self.line - 1, f"default_profile: {self.default}{ending}")
        return "".join(lines)


def room(content: bytes, path: str) -> Room:
    """Where one more profile fits into `content`, the valid config at `path`.

    Raises ConfigError for a form of YAML into which no line can be put.
    """
    found = document.read(content, path)
    assert isinstance(found.data, dict)
    profiles = found.data["profiles"]
    assert isinstance(profiles, dict)
    names = tuple(profiles)
    head, first = found.key_span(("profiles",)), found.key_span(("profiles", names[0]))
    text = content.decode()
    before_first = text.splitlines()[first.line - 1][: first.column - 1]
    if first.line == head.line or before_first.strip():
        what = f"the profiles of {path} are in braces, so no line can be added between them"
        raise ConfigError(
            what, "put each profile on lines of its own, as in: tastyauth init --print"
        )
    default = names[0] if len(names) == 1 and "default_profile" not in found.data else ""
    return Room(text, head.line, before_first, default)


def taken_over(variables: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The credentials in a bot's .env: field to the name it had there, and its value."""
    return {
        field: (name, variables[name])
        for field, names in _OLD_NAMES.items()
        for name in reversed(names.split())
        if variables.get(name)
    }


def to_ignore(paths: Iterable[str]) -> str:
    """What to type so that git leaves the files at `paths` alone."""
    names: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        directory, name = os.path.split(path)
        names.setdefault(directory, []).append(quote(name))
    return " && ".join(  # the empty text ends a last line without a newline
        f"printf '%s\\n' '' {' '.join(found)} >>{quote(f'{directory}/.gitignore')}"
        for directory, found in names.items()
    )
