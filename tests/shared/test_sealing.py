"""Only holders of the grant can open what is shared; what was altered is not used."""

from tables import for_each

from tastyauth.secret import Secret
from tastyauth.shared.sealing import Seal

ENDPOINT = "https://api.cert.tastyworks.com/oauth/token"
CLIENT = "0c7b8898-a2f1-49bb-a23d-843e47b68631"
GRANT = (ENDPOINT, (), CLIENT, Secret("5ec2e7"), Secret("eyJ.refresh.token"))

OTHERS = {
    "environment": ("https://api.tastyworks.com/oauth/token", *GRANT[1:]),
    "declared scopes": (ENDPOINT, ("read",), *GRANT[2:]),
    "client": (ENDPOINT, (), CLIENT.replace("0c", "1c"), *GRANT[3:]),
    "client secret": (*GRANT[:3], Secret("5ec2e8"), GRANT[4]),
    "refresh token": (*GRANT[:4], Secret("eyJ.refresh.tokeN")),
    "the boundary between the two": (*GRANT[:3], Secret("5ec2e7e"), Secret("yJ.refresh.token")),
}


def test_machines_with_the_same_grant_open_what_each_other_has_sealed() -> None:
    upper = (*GRANT[:2], CLIENT.upper(), *GRANT[3:])
    assert Seal(upper).name == Seal(GRANT).name
    assert Seal(upper).open("token", Seal(GRANT).close("token", b"content")) == b"content"


@for_each("other", OTHERS.values())
def test_another_grant_has_another_name_and_another_key(
    other: tuple[str, tuple[str, ...], str, Secret, Secret],
) -> None:
    mine, theirs = Seal(GRANT), Seal(other)
    assert mine.name != theirs.name
    theirs.name = mine.name  # as if somebody had moved the value
    assert theirs.open("token", mine.close("token", b"content")) is None


def test_a_value_of_one_kind_is_none_of_another() -> None:
    seal = Seal(GRANT)
    assert seal.open("attempt", seal.close("token", b"content")) is None


def test_a_value_with_any_bit_altered_or_cut_off_is_not_opened() -> None:
    seal = Seal(GRANT)
    sealed = seal.close("token", b"content")
    for bit in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        assert seal.open("token", bytes(altered)) is None
    for length in range(len(sealed)):
        assert seal.open("token", sealed[:length]) is None


def test_the_same_content_is_sealed_differently_each_time() -> None:
    seal = Seal(GRANT)
    assert seal.close("token", b"content") != seal.close("token", b"content")
    assert b"content" not in seal.close("token", b"content")
