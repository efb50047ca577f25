"""A config becomes frozen profiles, or an error that says where and why and never the value."""

import re

import pytest
from tables import for_each, words

from tastyauth import export
from tastyauth.config import ENVIRONMENTS, Config, Profile, parse
from tastyauth.errors import ConfigError, UsageError
from tastyauth.secret import mask
from tastyauth.sources import KINDS
from tastyauth.sources.command import Command
from tastyauth.sources.dotenv import Dotenv
from tastyauth.sources.env import Env
from tastyauth.sources.file import File, SystemdCredential
from tastyauth.sources.first_of import FirstOf
from tastyauth.sources.onepassword import OnePassword

CLIENT_ID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"
SECRET = "5f1c9a7e3b8d2046c7a1e95b0d4f8326a1b2c3d4"

FULL = f"""\
version: 1
default_profile: live
profiles:
  live:
    environment: production
    client_id: {{ env: TASTYTRADE_CLIENT_ID }}
    client_secret: {{ env: TASTYTRADE_CLIENT_SECRET }}
    refresh_token:
      first_of:
        - {{ systemd_credential: tastytrade-refresh-token }}
        - {{ file: {{ path: live.refresh-token, permissions: any }} }}
        - {{ command: {{ argv: [pass, show, brokers/tastytrade], line: 1, timeout: 20 }} }}
    timeout: 30
    user_agent: my-bot/2.0
  paper:
    environment: sandbox
    client_id: {CLIENT_ID}
    client_secret: {{ file: ~/paper.client-secret }}
    refresh_token: {{ onepassword: "op://Trading/tastytrade-paper/refresh-token" }}
    exports:
      TASTYTRADE_ACCESS_TOKEN: access_token
      BOT_SECRET: client_secret
      BOT_TOKEN_EXPIRES: expires_at
  local:
    environment: custom
    api_url: http://127.0.0.1:8000
    client_id: {CLIENT_ID}
    client_secret: {{ env: LOCAL_SECRET }}
    refresh_token: {{ env: LOCAL_TOKEN }}
"""


def config_of(
    text: str, path: str = "/project/tastyauth.yaml", *, known_valid: bool = False
) -> Config:
    return parse(text.encode(), path, home="/home/me", known_valid=known_valid)


def profile_text(name: str = "live", **changes: str) -> str:
    """One profile; a change to "" leaves the key out."""
    keys = {
        "environment": "sandbox",
        "client_id": CLIENT_ID,
        "client_secret": "{ env: TT_SECRET }",
        "refresh_token": "{ env: TT_TOKEN }",
    }
    lines = [f"    {key}: {value}" for key, value in (keys | changes).items() if value]
    return f"  {name}:\n" + "".join(f"{line}\n" for line in lines)


def config_text(*profiles: str, head: str = "") -> str:
    return f"version: 1\n{head}profiles:\n{''.join(profiles or (profile_text(),))}"


# -- profiles -------------------------------------------------------------------------------------


VARIABLES = ("LOCAL_SECRET", "LOCAL_TOKEN", "TASTYTRADE_CLIENT_ID", "TASTYTRADE_CLIENT_SECRET")
"""What the references of all profiles of FULL read."""


def test_everything_a_config_can_say_is_typed() -> None:
    config = config_of(FULL)
    assert config.path == "/project/tastyauth.yaml"
    assert config.default_profile == "live"
    assert [profile.name for profile in config.profiles] == ["live", "paper", "local"]
    assert config.profile("live") == Profile(
        name="live",
        environment="production",
        api_url="https://api.tastyworks.com",
        client_id=Env("TASTYTRADE_CLIENT_ID"),
        client_secret=Env("TASTYTRADE_CLIENT_SECRET"),
        refresh_token=FirstOf(
            (
                SystemdCredential("tastytrade-refresh-token"),
                File("/project/live.refresh-token", any_permissions=True),
                Command(("pass", "show", "brokers/tastytrade"), line=1, timeout=20.0),
            )
        ),
        exports=export.DEFAULT_EXPORTS,
        timeout=30.0,
        user_agent="my-bot/2.0",
        withheld=frozenset(VARIABLES),
    )
    paper = config.profile("paper")
    assert paper.api_url == "https://api.cert.tastyworks.com"
    assert paper.client_id == CLIENT_ID
    assert paper.client_secret == File("/home/me/paper.client-secret")
    assert paper.refresh_token == OnePassword("op://Trading/tastytrade-paper/refresh-token")
    assert dict(paper.exports) == {
        "TASTYTRADE_ACCESS_TOKEN": "access_token",
        "BOT_SECRET": "client_secret",
        "BOT_TOKEN_EXPIRES": "expires_at",
    }
    assert config.profile("local").api_url == "http://127.0.0.1:8000"


def test_what_is_left_out_has_a_default() -> None:
    profile = config_of(config_text()).profile("live")
    assert profile.exports == export.DEFAULT_EXPORTS
    assert profile.timeout == 15.0
    assert re.fullmatch(r"tastyauth/[0-9.]+", profile.user_agent)


@for_each("environment", ENVIRONMENTS)
def test_an_environment_knows_its_host(environment: str) -> None:
    profile = config_of(config_text(profile_text(environment=environment))).profile(None)
    assert (
        profile.token_endpoint
        == {
            "production": "https://api.tastyworks.com/oauth/token",
            "sandbox": "https://api.cert.tastyworks.com/oauth/token",
        }[environment]
    )
    assert profile.exported_environment == environment


def test_a_custom_environment_is_exported_as_the_safe_one() -> None:
    assert config_of(FULL).profile("local").exported_environment == "sandbox"


def test_profiles_inherit_nothing() -> None:
    """Least of all a production secret into a sandbox profile."""
    incomplete = profile_text("paper", client_secret="")
    with pytest.raises(ConfigError):
        config_of(config_text(profile_text(), incomplete, head="default_profile: live\n"))


def test_profiles_and_configs_cannot_be_changed() -> None:
    config = config_of(FULL)
    with pytest.raises(AttributeError):
        config.default_profile = "paper"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        config.profiles[0].timeout = 1.0  # type: ignore[misc]


def test_relative_paths_start_from_the_config() -> None:
    text = config_text(profile_text(client_secret="{ file: secrets/a }"))
    assert config_of(text, "/tastyauth.yaml").profiles[0].client_secret == File("/secrets/a")
    assert config_of(text, "/a/b/x.yaml").profiles[0].client_secret == File("/a/b/secrets/a")


def test_references_are_those_of_all_three_credentials() -> None:
    live, paper, _ = config_of(FULL).profiles
    assert live.references == (live.client_id, live.client_secret, live.refresh_token)
    assert paper.references == (paper.client_secret, paper.refresh_token)


# -- which profile --------------------------------------------------------------------------------


def test_a_single_profile_is_the_default() -> None:
    config = config_of(config_text(profile_text("only")))
    assert config.default_profile is None
    assert config.default_name == "only"
    assert config.profile(None).name == config.profile("").name == "only"


def test_the_default_profile_is_taken_and_another_can_be_named() -> None:
    config = config_of(FULL)
    assert config.default_name == config.profile(None).name == "live"
    assert config.profile("paper").name == "paper"


def test_several_profiles_without_a_default_need_a_name() -> None:
    config = config_of(config_text(profile_text("live"), profile_text("paper")))
    assert config.default_name == ""
    assert config.profile("paper").name == "paper"
    with pytest.raises(UsageError) as caught:
        config.profile(None)
    assert caught.value.exit_code == 2
    assert "live, paper" in caught.value.hint


def test_an_unknown_profile_is_a_mistake_on_the_command_line() -> None:
    with pytest.raises(UsageError) as caught:
        config_of(FULL).profile("prod")
    assert caught.value.exit_code == 2
    assert "'prod'" in caught.value.message
    assert "live, paper, local" in caught.value.hint


def test_a_secret_typed_for_a_profile_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        config_of(FULL).profile(SECRET)
    assert SECRET not in caught.value.message


def test_a_default_that_does_not_exist_makes_the_config_invalid() -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(config_text(profile_text("live"), head="default_profile: prod\n"))
    assert caught.value.message.startswith("/project/tastyauth.yaml:2:18: ")


# -- invalid --------------------------------------------------------------------------------------

INVALID = {
    "not YAML": ("version: [1\n", "1:10"),
    "nothing": ("", "1:1"),
    "a list": ("- a\n", "1:1"),
    "another version": ("version: 2\nprofiles:\n" + profile_text(), "1:10"),
    "no profiles": ("version: 1\n", "1:1"),
    "a pasted secret": (config_text(profile_text(client_secret=SECRET)), "6:20"),
    "a secret under an unknown key": (config_text(profile_text(password=SECRET)), "8:5"),
    "no environment": (config_text(profile_text(environment="")), "3:3"),
    "an unknown environment": (config_text(profile_text(environment=SECRET)), "4:18"),
    "a host for everybody": (config_text(profile_text(api_url="https://x.example")), "8:5"),
    "no client ID": (config_text(profile_text(client_id=SECRET)), "5:16"),
    "an unknown source": (config_text(profile_text(client_secret="{ vault: x }")), "6:22"),
    "a refused name": (config_text(profile_text(exports="{ PATH: access_token }")), "8:16"),
    "an unknown field": (config_text(profile_text(exports=f"{{ A: {SECRET} }}")), "8:19"),
    "no patience": (config_text(profile_text(timeout="0")), "8:14"),
    "an alias": ("version: 1\nprofiles: &a\n" + profile_text(), "2:11"),
}


@for_each("name", INVALID)
def test_an_invalid_config_says_where_and_why_and_never_the_value(name: str) -> None:
    text, place = INVALID[name]
    with pytest.raises(ConfigError) as caught:
        config_of(text)
    error = caught.value
    assert error.exit_code == 78
    assert error.message.startswith(f"/project/tastyauth.yaml:{place}: ")
    assert re.search(r" \[TA\d{3}\](, and \d+ more)?$", error.message)
    assert error.hint == "see the whole report: tastyauth validate /project/tastyauth.yaml"
    assert SECRET[:8] not in error.message
    assert mask(error.message) == error.message
    assert error.__cause__ is None


def test_further_problems_are_counted() -> None:
    with pytest.raises(ConfigError, match=", and 1 more\n"):
        config_of(config_text(profile_text(timeout="0", environment="moon")))


def test_a_warning_does_not_stop_anything() -> None:
    """A source whose library is not installed here may be installed where the job runs."""
    text = config_text(profile_text(client_secret="{ dotenv: { path: .env, name: TT_SECRET } }"))
    assert config_of(text).profiles[0].client_secret == Dotenv("/project/.env", "TT_SECRET")


@for_each("text", [FULL, config_text()])
def test_what_is_known_to_be_valid_reads_the_same_without_the_schema(text: str) -> None:
    assert config_of(text, known_valid=True) == config_of(text)


# -- names ----------------------------------------------------------------------------------------


def test_the_names_of_a_config_are_those_that_tastyauth_may_set() -> None:
    assert config_of(FULL).shell_names() == words(
        "BOT_SECRET BOT_TOKEN_EXPIRES TASTYTRADE_ACCESS_TOKEN "
        "TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT TASTYTRADE_ACCESS_TOKEN_FILE TASTYTRADE_API_URL "
        "TASTYTRADE_ENV TASTYTRADE_PROFILE TASTYAUTH_HOOK"
    )


def test_foreign_names_are_those_of_the_other_profiles_alone() -> None:
    config = config_of(FULL)
    profiles = config.outline(b"", "", "").profiles
    assert profiles["live"].foreign == words(
        "BOT_SECRET BOT_TOKEN_EXPIRES TASTYAUTH_HOOK TASTYTRADE_ACCESS_TOKEN_FILE"
    )
    assert profiles["paper"].foreign == words(
        "TASTYAUTH_HOOK TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT TASTYTRADE_ACCESS_TOKEN_FILE "
        "TASTYTRADE_API_URL TASTYTRADE_ENV TASTYTRADE_PROFILE"
    )


def test_a_name_that_env_does_not_set_for_this_profile_is_foreign() -> None:
    """Otherwise the token of one account would stay in the shell of another.

    What has a default name may be from another config.
    """
    config = config_of(
        config_text(
            profile_text("live", exports="{ BOT: access_token }"),
            profile_text("paper", exports="{ BOT: client_secret, TOKEN: access_token }"),
            head="default_profile: live\n",
        )
    )
    assert config.outline(b"", "", "").profiles["paper"].foreign == (
        "BOT",
        *sorted((*export.DEFAULT_NAMES, export.HOOK_MARK)),
    )


def test_a_default_name_that_a_secret_is_read_from_is_left_alone() -> None:
    profile = profile_text(
        "live", client_secret="{ env: TASTYTRADE_ENV }", exports="{ A: api_url }"
    )
    assert "TASTYTRADE_ENV" not in config_of(config_text(profile)).shell_names()


# -- the outline ----------------------------------------------------------------------------------

INPUTS = [
    ("{ env: TT_SECRET }", (("env", "TT_SECRET"),)),
    ("{ file: a }", (("file", "/project/a"),)),
    ("{ file: { path: ~/a, permissions: any } }", (("file", "/home/me/a"),)),
    ("{ systemd_credential: a.b }", (("credential", "a.b"),)),
    ("{ dotenv: { path: .env, name: TT_SECRET } }", (("file", "/project/.env"),)),
    ("{ keyring: { service: a, username: b } }", ()),
    ("{ command: [pass, show, a] }", ()),
    ("{ onepassword: 'op://a/b/c' }", ()),
    ("{ pass: a/b }", ()),
    (
        "{ first_of: [{ env: A }, { pass: b }, { file: c }, { systemd_credential: d }] }",
        (("env", "A"), ("file", "/project/c"), ("credential", "d")),
    ),
]


@for_each(("reference", "inputs"), INPUTS)
@for_each("field", ["client_id", "client_secret", "refresh_token"])
def test_the_outline_lists_what_can_be_looked_at_on_every_start(
    field: str, reference: str, inputs: tuple[tuple[str, str], ...]
) -> None:
    others = {
        "client_id": CLIENT_ID,
        "client_secret": "{ pass: one }",
        "refresh_token": "{ pass: two }",
    }
    text = config_text(profile_text(**(others | {field: reference})))
    assert config_of(text).outline(b"d", "", "s").profiles["live"].inputs == inputs


def test_every_kind_of_reference_is_in_that_table() -> None:
    kinds = {
        config_of(config_text(profile_text(client_secret=text))).profiles[0].client_secret.kind
        for text, _ in INPUTS
    }
    assert kinds == set(KINDS)


def test_the_outline_says_for_each_profile_what_the_config_says() -> None:
    config = config_of(FULL)
    outline = config.outline(b"content", "/approval", "salt")
    assert (outline.config, outline.approval, outline.salt) == (b"content", "/approval", "salt")
    assert list(outline.profiles) == ["live", "paper", "local"]
    for profile in config.profiles:
        outlined = outline.profiles[profile.name]
        assert outlined.name == profile.name
        assert outlined.exports == profile.exports
        assert set(outlined.names) <= set(config.shell_names())
        assert outlined.variables == VARIABLES


@for_each(
    ("text", "expected"),
    [
        (FULL, "live"),
        (config_text(profile_text("only")), "only"),
        (config_text(profile_text("live"), profile_text("paper")), None),
    ],
)
def test_the_outline_has_the_same_default(text: str, expected: str | None) -> None:
    outline = config_of(text).outline(b"d", "", "s")
    profile = outline.profiles.get(outline.default)
    assert (profile.name if profile else None) == expected
