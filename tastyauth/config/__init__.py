"""The config: read once, checked, and typed into frozen profiles."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from tastyauth import __version__, export, locate, sources
from tastyauth.cache import Asked, Outline, ProfileOutline
from tastyauth.errors import API_HOSTS, NO_PROFILE, ConfigError, UsageError
from tastyauth.posix import quote
from tastyauth.secret import mask
from tastyauth.sources import Reference

if TYPE_CHECKING:
    from tastyauth.shared import Engine

ENVIRONMENTS = {environment: f"https://{host}" for environment, host in API_HOSTS.items()}
"""The API of each environment (developer.tastytrade.com); `custom` names its own."""

DEFAULT_TIMEOUT = 15.0
"""Seconds for one whole exchange, retries included."""

USER_AGENT = f"tastyauth/{__version__}"
"""The User-Agent, unless the profile sets one."""


class Profile(NamedTuple):
    """One account in one environment; profiles stand alone and inherit nothing.

    The three credentials are references, never values; `client_id` may be the UUID itself.
    """

    name: str
    environment: str
    api_url: str
    client_id: str | Reference
    client_secret: Reference
    refresh_token: Reference
    exports: tuple[tuple[str, str], ...]
    timeout: float
    user_agent: str
    scopes: tuple[str, ...] = ()
    """What the grant may do, and no more; empty where the config does not say."""
    stands_for: str = ""
    """Which tastytrade environment is behind a `custom` one, if the config declares it."""
    shared: "Engine | None" = None
    withheld: frozenset[str] = frozenset()
    """Variables that the references of any profile of its config read: no program gets them."""

    @property
    def token_endpoint(self) -> str:
        """Where the refresh token is exchanged (RFC 6749, section 3.2)."""
        return f"{self.api_url}/oauth/token"

    @property
    def references(self) -> tuple[Reference, ...]:
        """Where its credentials come from, and the password of what it shares them through."""
        password = self.shared and self.shared.password
        values = (self.client_id, self.client_secret, self.refresh_token, password)
        return tuple(value for value in values if value and not isinstance(value, str))

    @property
    def inputs(self) -> tuple[tuple[str, str], ...]:
        """What its references read that can be compared on every start.

        Of the engine's password only its variables, which no program may see: a new password makes
        no token useless.
        """
        password = self.shared and self.shared.password
        found = [(it, pair) for it in self.references for pair in it.inputs()]
        return tuple(pair for it, pair in found if it is not password or pair[0] == "env")

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables that its references read."""
        return frozenset(name for kind, name in self.inputs if kind == "env")

    @property
    def files(self) -> tuple[str, ...]:
        """The files that its references read."""
        pairs = (pair for reference in self.references for pair in reference.inputs())
        return tuple(name for kind, name in pairs if kind == "file")

    @property
    def behind(self) -> str:
        """Which tastytrade its server is or stands for; custom where the config does not say."""
        return self.stands_for or self.environment

    @property
    def server(self) -> str:
        """The environment in full: with what a custom one stands for."""
        return self.environment + (f", stands for {self.stands_for}" if self.stands_for else "")

    @property
    def about(self) -> str:
        """How messages name the environment."""
        return f"{self.name}, {self.behind}"

    @property
    def exported_environment(self) -> str:
        """What is exported; `custom` counts as sandbox, so that nothing trades by mistake."""
        return "production" if self.behind == "production" else "sandbox"


@dataclass(frozen=True, slots=True)
class Config:
    """All profiles of one file; `data` is what it says, as JSON."""

    path: str
    profiles: tuple[Profile, ...]
    default_profile: str | None
    data: str = field(default="", repr=False, compare=False)

    @property
    def default_name(self) -> str:
        """The profile to use when none is named; empty when one must be."""
        only = self.profiles[0].name if len(self.profiles) == 1 else ""
        return self.default_profile or only

    def profile(self, name: str | None) -> Profile:
        """The profile of that name, or the default one; raises UsageError."""
        profiles = {profile.name: profile for profile in self.profiles}
        names = ", ".join(profiles)
        wanted = name or self.default_name
        if not wanted:
            message = f"several profiles and no default_profile in {self.path}"
            raise UsageError(message, f"name one with -p: {names}")
        if wanted not in profiles:  # somebody may have typed a secret there
            message = f"no profile {mask(wanted)!r} in {self.path}"
            hint = f"its profiles are: {names}; name one with -p or $TASTYAUTH_PROFILE"
            if mask(wanted) == wanted:
                words = f"--config {quote(self.path)} -p {quote(wanted)}"
                hint += f"\nto add it: tastyauth init {words}"
            raise UsageError(message, hint, reason=NO_PROFILE)
        return profiles[wanted]

    def only(self, name: str) -> "Config":
        """The same config with only one profile; its name is required where it is required now."""
        default = self.default_name or "(none)"  # which no profile can be called
        return replace(self, profiles=(self.profile(name),), default_profile=default)

    def unfit(self, name: str, asked: Asked) -> ConfigError:
        """The error for a profile that is not of the environment that is required."""
        flag, variable = asked.required, asked.environ.get(locate.REQUIRED, "")
        who, wanted = ("--require-environment", flag) if flag else (f"${locate.REQUIRED}", variable)
        if variable and variable not in API_HOSTS:  # it may hold anything
            what = f"${locate.REQUIRED} is neither production nor sandbox"
            return ConfigError(what, "correct or unset it")
        if flag and variable and flag != variable:
            hint = "no profile can be both: leave out the flag, or change the variable"
            return ConfigError(f"{who} wants {flag}, but ${locate.REQUIRED} {variable}", hint)
        fitting = [it.name for it in self.profiles if it.exported_environment == wanted]
        hint = f"no profile of {self.path} is {wanted}; tastyauth status lists them"
        if fitting:
            named = f" with -p: {', '.join(fitting)}" if len(fitting) > 1 else f": -p {fitting[0]}"
            hint = f"choose another profile{named}"
        what = (
            f"{who} wants {wanted}, but this profile is {self.profile(name).exported_environment}"
        )
        return ConfigError(what, hint)

    def shell_names(self) -> tuple[str, ...]:
        """Every name that tastyauth may set for any profile, sorted, a hook's mark last."""
        return tuple(sorted(self._setters(), key=lambda it: (it == export.HOOK_MARK, it)))

    def _setters(self) -> dict[str, list[str]]:
        """The variables that tastyauth may set, sorted, each with the profiles it is set for.

        A secret that `exec` hands out under the name that it is read from was there before. The
        default names, the token file of an `exec --keep-fresh` and the mark of a hook may be
        another config's.
        """
        read = self.variables
        names = (*export.DEFAULT_NAMES, export.HOOK_MARK)
        found: dict[str, list[str]] = {it: [] for it in names if it not in read}
        for profile in self.profiles:
            for name, key in profile.exports:
                if key not in export.SECRET_FIELDS or name not in read:
                    found.setdefault(name, []).append(profile.name)
        return {name: found[name] for name in sorted(found)}

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that the references of its profiles read, sorted."""
        return tuple(sorted({name for profile in self.profiles for name in profile.variables}))

    def outline(self, content: bytes, approval: str, salt: str) -> Outline:
        """This config in the terms of the hot path; `content` is its bytes."""
        found, profiles = self._setters().items(), {}
        for it in self.profiles:
            foreign = tuple(name for name, setters in found if setters != [it.name])
            read = (it.inputs, self.variables)
            profiles[it.name] = ProfileOutline(it.name, it.exports, foreign, *read, it.behind)
        return Outline(content, salt, approval, self.default_name, profiles, self.data)


def parse(content: bytes, path: str, *, home: str, known_valid: bool = False) -> Config:
    """The config in `content`; raises ConfigError with where and why, never the value.

    `known_valid` leaves the schema out: these very bytes have passed it before.
    """
    # with the schema, most of the time that a changed config costs
    from tastyauth.validation import check, document

    text = document.read(content, path)
    problems = text.problems if known_valid else check(text)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        first = errors[0]
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        what = f"{path}:{first.span.line}:{first.span.column}: {first.message} [{first.code}]{more}"
        raise ConfigError(what, f"see the whole report: tastyauth validate {quote(path)}")
    return recall(json.dumps(text.data), path, home=home)


def recall(data: str, path: str, *, home: str) -> Config:
    """The config whose `data`, valid JSON, an outline has kept: checked before."""
    content = json.loads(data)
    profiles = cast(Mapping[str, Mapping[str, object]], content["profiles"])
    directory = path.rpartition("/")[0] or "/"
    typed = [_profile(name, profiles[name], directory, home) for name in profiles]
    withheld = frozenset(name for profile in typed for name in profile.variables)
    complete = tuple(profile._replace(withheld=withheld) for profile in typed)
    return Config(path, complete, content.get("default_profile"), data)


def _profile(name: str, data: Mapping[str, object], directory: str, home: str) -> Profile:
    reference = partial(sources.parse, directory=directory, home=home)
    environment = cast(str, data["environment"])
    client_id = data["client_id"]
    exports = cast(Mapping[str, str] | None, data.get("exports"))
    return Profile(
        name=name,
        environment=environment,
        api_url=ENVIRONMENTS.get(environment) or cast(str, data["api_url"]),
        client_id=client_id if isinstance(client_id, str) else reference(client_id),
        client_secret=reference(data["client_secret"]),
        refresh_token=reference(data["refresh_token"]),
        exports=export.DEFAULT_EXPORTS if exports is None else tuple(exports.items()),
        timeout=float(cast(float, data.get("timeout", DEFAULT_TIMEOUT))),
        user_agent=cast(str, data.get("user_agent", USER_AGENT)),
        stands_for=cast(str, data.get("stands_for", "")),
        scopes=tuple(sorted(set(cast(list[str], data.get("scopes", []))))),
        shared=_engine(data.get("shared"), directory, home),
    )


def _engine(shared: object, directory: str, home: str) -> "Engine | None":
    if shared is None:
        return None
    from tastyauth.shared import Engine  # most configs share nothing

    match shared:
        case {"valkey": str(url)}:
            return Engine(url)
        case {"valkey": {"url": str(url), **more}}:
            given = more.get("password")
            password = sources.parse(given, directory=directory, home=home) if given else None
            authorities = cast(str, more.get("certificate_authorities", ""))
            path = authorities and sources.absolute(authorities, directory, home)
            return Engine(url, password, path)
    return None
