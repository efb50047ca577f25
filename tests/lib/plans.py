"""Any config there may be, for tests of plans and approvals."""

from hypothesis import strategies as st

from tastyauth.config import ENVIRONMENTS, Config, Profile
from tastyauth.shared import Engine
from tastyauth.sources import Reference
from tastyauth.sources.command import Command
from tastyauth.sources.dotenv import Dotenv
from tastyauth.sources.env import Env
from tastyauth.sources.file import File, SystemdCredential
from tastyauth.sources.first_of import FirstOf
from tastyauth.sources.keyring import Keyring
from tastyauth.sources.onepassword import OnePassword
from tastyauth.sources.pass_store import Pass

CLIENT_ID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"
OTHER_ID = "11111111-2222-4333-8444-555555555555"

NAMES = st.sampled_from(["live", "paper", "local"])
WORDS = st.sampled_from(["a", "b", "a, b", "1. a", "", '"', "\\", "\u202e", "runs: x"])
SINGLE: st.SearchStrategy[Reference] = st.one_of(
    st.builds(Env, st.sampled_from(["A", "B"])),
    st.builds(File, WORDS, st.booleans()),
    st.builds(SystemdCredential, WORDS),
    st.builds(Dotenv, WORDS, st.sampled_from(["A", "B"])),
    st.builds(Keyring, WORDS, WORDS),
    st.builds(
        Command,
        st.lists(WORDS, min_size=1, max_size=3).map(tuple),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([None, "/a", ""]),
        st.sampled_from([None, 1.0, 2.0]),
    ),
    st.builds(OnePassword, WORDS),
    st.builds(Pass, WORDS),
)
REFERENCES = SINGLE | st.builds(FirstOf, st.lists(SINGLE, min_size=1, max_size=2).map(tuple))
PLACES = st.sampled_from(
    [*ENVIRONMENTS.items(), ("custom", "http://127.0.0.1:1"), ("custom", "http://localhost:1")]
)
EXPORTS = st.dictionaries(
    st.sampled_from(["A", "B"]), st.sampled_from(["access_token", "profile"]), min_size=1
).map(lambda exports: tuple(exports.items()))
ENGINES = (
    None,
    Engine("valkey://127.0.0.1"),
    Engine("valkeys://cache.example.com"),
    Engine("valkeys://cache.example.com", Env("A")),
    Engine("valkeys://cache.example.com", Env("A"), "/ca.pem"),
)
"""What tokens may be shared through; two of them are never equal."""

PROFILES = st.builds(
    lambda place, **rest: Profile(environment=place[0], api_url=place[1], **rest),
    place=PLACES,
    name=NAMES,
    client_id=st.sampled_from([CLIENT_ID, OTHER_ID]) | REFERENCES,
    client_secret=REFERENCES,
    refresh_token=REFERENCES,
    exports=EXPORTS,
    timeout=st.sampled_from([1.0, 1.5, 15.0, 120.0]),
    user_agent=st.sampled_from(["a/1", "b/1"]),
    scopes=st.sampled_from([(), ("read",), ("read", "trade")]),
    stands_for=st.sampled_from(["", "production"]),
    shared=st.sampled_from(ENGINES),
)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    profiles = draw(st.lists(PROFILES, min_size=1, max_size=3, unique_by=lambda each: each.name))
    default = draw(st.sampled_from([None, *(profile.name for profile in profiles)]))
    return Config("/project/tastyauth.yaml", tuple(profiles), default)


def effect(config: Config) -> object:
    """Everything that a config does, in an order that does not depend on how it is written."""
    profiles = sorted(config.profiles, key=lambda profile: profile.name)
    return config.default_name, [
        profile._replace(exports=tuple(sorted(profile.exports))) for profile in profiles
    ]
