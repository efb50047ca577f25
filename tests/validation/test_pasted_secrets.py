"""Secrets by their shape: any in a config, elsewhere only what cannot well be something else."""

import base64
import json
import time

from tables import for_each
from told import of

from tastyauth.validation import other_files, pasted_secrets
from tastyauth.validation.problem import Problem


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def jwt(kind: str | None) -> str:
    header = {"alg": "EdDSA", **({"typ": kind} if kind else {}), "kid": "example"}
    payload = {"iss": "https://api.tastytrade.com", "sub": "example"}
    return f"{_segment(header)}.{_segment(payload)}.{'c2lnbmF0dXJl' * 5}"


REFRESH_TOKEN, ACCESS_TOKEN, OTHER = jwt("rt+jwt"), jwt("at+jwt"), jwt(None)
CLIENT_SECRET = "4d1e0c9b7a52f83e6d0b9c1a7e5f3d2b8a6c4e0f"
UUID = "0c7b8898-a2f1-49bb-a23d-843e47b68631"


@for_each(
    ("text", "shape"),
    [
        (REFRESH_TOKEN, "refresh token"),
        (f"Bearer {REFRESH_TOKEN}", "refresh token"),
        (f"token{REFRESH_TOKEN}", "refresh token"),
        (REFRESH_TOKEN[:60], "refresh token"),
        (jwt("RT+JWT"), "refresh token"),
        (jwt("application/rt+jwt"), "refresh token"),
        (ACCESS_TOKEN, "access token"),
        (OTHER, "JWT"),
        ("eyJ0000000000.eyJ1111111111.2222222222", "JWT"),
        ("eyJ0000000000.eyJ1111111111.222222222a", "JWT"),
        ("eyJ0000000000.eyJ1111111111.2222222222...", "JWT"),
        ("eyJ0000000000.eyJ1111111111.2222222222.", "JWT"),
        ("x.eyJ0000000000.eyJ1111111111.2222222222", "JWT"),
        ("eyJ0000000.eyJ1111111.22222222", "JWT"),
        ("eyJ000000.111111.22222", None),  # too short
        (f"{'x' * 12}.eyJ000000.1111111.222222", None),
        ("eyJ0000000000..1111111111.222.333", None),
        (f"eyJ{'z' * 40}", None),
        (CLIENT_SECRET, "client secret"),
        (CLIENT_SECRET.upper(), "client secret"),
        (f"x{CLIENT_SECRET}y", "client secret"),
        (CLIENT_SECRET[:32], "client secret"),
        (UUID.replace("-", ""), "client secret"),
        (CLIENT_SECRET[:31], None),
        (UUID, None),
        (f"{UUID} {UUID}", None),
        ("op://Trading/tastytrade/refresh-token", None),
        ("TASTYTRADE_ACCESS_TOKEN_EXPIRES_AT_SOMETIME_LATER", None),
        ("/home/me/monkeyJson.settings.production.yaml", None),
        ("deadbeef-cafe-deadbeef", None),
    ],
)
def test_a_secret_is_known_by_its_shape(text: str, shape: str | None) -> None:
    assert pasted_secrets.shape(text) == shape


@for_each(
    "line",
    [
        f"refresh = '{REFRESH_TOKEN}'",
        f'"x": "{REFRESH_TOKEN}"',
        f"curl -d refresh_token={REFRESH_TOKEN}&x=y",
        f"TT_SECRET={CLIENT_SECRET}",
        f"export TT_X='{CLIENT_SECRET}'",
        f'  client_secret: "{CLIENT_SECRET}",',
        f"tastytrade = Session('{CLIENT_SECRET}')",
        f"Tasty: {CLIENT_SECRET}",
        f"my_secret {CLIENT_SECRET}",
        f"TT_SECRET={CLIENT_SECRET.upper()}",
        f"client_secret: |\n  {CLIENT_SECRET}",
        f"client_secret: >-  # folded\n\n    {CLIENT_SECRET}",
        f'"client_secret": [\n  "{CLIENT_SECRET}"\n]',
        f"client_secret:\n  - {CLIENT_SECRET}",
        f"session = tastytrade.Session(\n    '{CLIENT_SECRET}',  # mine\n)",
        f"TT_SECRET=\\\n{CLIENT_SECRET}",
        f"- name: TT_SECRET\n  value: {CLIENT_SECRET}",
        f'{{\n  "name": "TT_SECRET",\n  "value": "{CLIENT_SECRET}"\n}}',
        f"<name>tt_secret</name>\n<value>{CLIENT_SECRET}</value>",
        f"secret:\n  value: {CLIENT_SECRET}",
        f'variable "client_secret" {{\n  type = string\n  default = "{CLIENT_SECRET}"\n}}',
        f'client_secret = """\n{CLIENT_SECRET}"""',
        f"The client secret:\n\n```\n{CLIENT_SECRET}\n```",
        f"TT_SECRET=${{TT_SECRET:-{CLIENT_SECRET}}}",
        f'provider_secret = (\n    "{CLIENT_SECRET}"\n)',
        f"<key>client_secret</key>\n<string>{CLIENT_SECRET}</string>",
        f"client_secret = <<-EOF\n{CLIENT_SECRET}\nEOF",
        f"kind: Secret\ndata:\n  a: {base64.b64encode(CLIENT_SECRET.encode()).decode()}",
        f"  client_secret: {base64.b64encode(f'{CLIENT_SECRET} '.encode()).decode()}",
        f"kind: Secret\nstringData:\n  a: b\n\n  c: {CLIENT_SECRET}",
        f"kind: Secret\nstringData:\n  a: |\n    {CLIENT_SECRET}",
        f"body: client_secret%3D{CLIENT_SECRET}%26x%3Dy",
        f"body: refresh_token%3D{REFRESH_TOKEN}%26x%3Dy",
        f"machine api.tastyworks.com login me password {CLIENT_SECRET}",
        f"machine api.cert.tastyworks.com\n  login me\n  password {CLIENT_SECRET}",
        f"data: {base64.b64encode(REFRESH_TOKEN.encode()).decode()}",
        f"env: {base64.b64encode(f'A=b TT_SECRET={CLIENT_SECRET} C=d'.encode()).decode()}",
    ],
)
def test_a_secret_is_found_in_any_file(line: str) -> None:
    (problem,) = other_files.problems(f"first\n{line}")
    assert problem.code in {"TA202", "TA204"}
    row, start, end = problem.span.line - 2, problem.span.column - 1, problem.span.end_column - 1
    found = line.split("\n")[row][start:end]
    decoded = {found, found.lower(), *_decoded(found)}
    assert any(each.startswith((REFRESH_TOKEN, CLIENT_SECRET, "A=b")) for each in decoded)


def _decoded(text: str) -> list[str]:
    try:
        return [base64.b64decode(text + "=" * (-len(text) % 4)).decode()]
    except ValueError:
        return []


PINS = f"""\
uses: tastyware/tastytrade-action@{CLIENT_SECRET}  # v1
      rev: {CLIENT_SECRET}  # frozen: tastyauth v1.0
tastytrade @ git+https://github.com/tastyware/tastytrade@{CLIENT_SECRET}
source = {{ git = "https://github.com/tastyware/tastytrade?rev={CLIENT_SECRET}#{CLIENT_SECRET}" }}
"resolved": "git+ssh://git@github.com/tastytrade/tastytrade-api-js.git#{CLIENT_SECRET}",
resolved_reference = "{CLIENT_SECRET}"  # tastytrade
https://github.com/tastyware/tastytrade/blob/{CLIENT_SECRET}/README.md
https://github.com/tastyware/tastytrade/commit/{CLIENT_SECRET}
commit {CLIENT_SECRET} (tag: tastytrade)
ARG TASTYAUTH_COMMIT={CLIENT_SECRET}
SECRET_SHA1: {CLIENT_SECRET}
{CLIENT_SECRET}  tastytrade-1.0.tar.gz
{CLIENT_SECRET} *secrets.txt
{CLIENT_SECRET}\trefs/heads/tasty
tasty --hash=sha256:{CLIENT_SECRET}{CLIENT_SECRET[:24]}
"integrity": "sha512-{CLIENT_SECRET}tasty=="
checksum = "{CLIENT_SECRET}" # of the secret scanner
secret digest: {CLIENT_SECRET}
index {CLIENT_SECRET}..{CLIENT_SECRET} 100644
{CLIENT_SECRET}
key = "{CLIENT_SECRET}"
client_id: {UUID} # tastytrade
tasty {CLIENT_SECRET.upper()}
"hashed_secret": "{CLIENT_SECRET}",
{CLIENT_SECRET}:config/secrets.py:generic-api-key:12
"Fingerprint": "{CLIENT_SECRET}:tests/secret.py:tastytrade:3",
"Commit": "{CLIENT_SECRET}", "File": "tasty_secret.py"
"commitSha": "{CLIENT_SECRET}", "secret": "REDACTED"
{CLIENT_SECRET} tasty: no secrets in the log any more
* {CLIENT_SECRET} (HEAD -> tasty) remove a secret
Subproject commit {CLIENT_SECRET} (tasty)
image: ghcr.io/me/tasty-bot:{CLIENT_SECRET}
TASTY_IMAGE_TAG={CLIENT_SECRET}
TASTYTRADE_GIT_SHA: "{CLIENT_SECRET}"
Bump tastytrade from {CLIENT_SECRET} to {CLIENT_SECRET}
tasty-bot {CLIENT_SECRET} is deployed
see `{CLIENT_SECRET}` of tastytrade
diff tasty {CLIENT_SECRET}..{CLIENT_SECRET}
TT_SECRET={"0" * 40}
TT_SECRET={"deadbeef" * 5}
TT_SECRET={"0123456789abcdef" * 2}01234567
TT_SECRET={"1234567890" * 4}
client_secret: "{"deadbeefcafebabe" * 2}deadbeef"
secret = "3141592653589793238462643383279502884197"
secret{CLIENT_SECRET}
Authorization: Bearer {ACCESS_TOKEN}
jwt secret of somebody else: {OTHER}
"""


@for_each("line", PINS.splitlines())
def test_pins_checksums_and_foreign_tokens_raise_no_alarm(line: str) -> None:
    assert other_files.problems(line) == []


@for_each(
    "text",
    [
        f"- name: TT_SECRET_FILE\n  value: /run/x\n- name: BOT\n  value: {CLIENT_SECRET}",
        f"- name: TASTY_COMMIT\n  value: {CLIENT_SECRET}",
        f"a secret\n\n```\n{CLIENT_SECRET}\n```",
        f"tasty-{CLIENT_SECRET}",
        f"kind: Secret\nmetadata:\n  a: {CLIENT_SECRET}\nstringData:\n  b: c",
        f"kind: Secret\nstringData:\n  b: c\nmetadata:\n  a: {CLIENT_SECRET}",
        f"kind: ConfigMap\nstringData:\n  b: {CLIENT_SECRET}",
        f"kind: Secret\nstringData:\n  commit: {CLIENT_SECRET}",
        f"machine example.com login tasty password {CLIENT_SECRET}",
        f"secret,commit\nx,{CLIENT_SECRET}",
        f"from secrets import a, b\n'{CLIENT_SECRET}', b",
        f"path%3D{CLIENT_SECRET}",
    ],
)
def test_nor_does_a_name_that_belongs_to_something_else(text: str) -> None:
    assert other_files.problems(text) == []


@for_each(
    "text",
    [
        f"name,client_secret\nme,{CLIENT_SECRET}",
        f'"Client Secret";"name"\r\n"{CLIENT_SECRET}";"me"\r\n',
        f"id\tTT_SECRET\tx\n1\t\t2\n1\t{CLIENT_SECRET}\t2",
    ],
)
def test_a_cell_is_a_secret_when_its_column_is_called_so(text: str) -> None:
    assert [problem.code for problem in other_files.problems(text)] == ["TA204"]


def test_a_line_may_be_allowed() -> None:
    line = f"TT_SECRET={CLIENT_SECRET}"
    assert other_files.problems(f"{line}  # tastyauth: allow\n{line}")[0].span.line == 2
    block = f"client_secret: |\n  {CLIENT_SECRET}\n"
    assert other_files.problems(block)
    assert not other_files.problems(block.replace("|", "|  # tastyauth: allow"))


def test_in_a_config_nothing_is_allowed() -> None:
    found = of(f"version: 1  # {CLIENT_SECRET}  tastyauth: allow\n")
    assert "TA204" in [problem.code for problem in found.problems]


def test_a_token_is_found_in_every_disguise_of_yaml() -> None:
    half = len(REFRESH_TOKEN) // 2
    escaped = "".join(f"\\x{ord(letter):02x}" for letter in REFRESH_TOKEN)
    for value in (
        f"'{REFRESH_TOKEN}'",
        f'"{escaped}"',
        f'"{REFRESH_TOKEN[:half]}\\\n    {REFRESH_TOKEN[half:]}"',
        f">-\n    {REFRESH_TOKEN[:half]}\n    {REFRESH_TOKEN[half:]}",
        f"|\n    {REFRESH_TOKEN}",
        f"[a, {{ b: {REFRESH_TOKEN} }}]",
        f"{{ ? {REFRESH_TOKEN} : b }}",
        f"# {REFRESH_TOKEN}",
        f"[ # {REFRESH_TOKEN}\n ]",
        f"&{REFRESH_TOKEN.replace('.', '')} b",
        f"*{REFRESH_TOKEN.replace('.', '')}",
        f"!{REFRESH_TOKEN} b",
        f"{REFRESH_TOKEN}: [",
    ):
        codes = [problem.code for problem in of(f"a: {value}\n").problems]
        assert "TA202" in codes, value


@for_each("style", [">-\n", "|\n", ""])
def test_a_secret_is_found_when_its_line_was_wrapped(style: str) -> None:
    wrapped = f"a: {style}    {CLIENT_SECRET[:20]}\n    {CLIENT_SECRET[20:]}\n"
    assert "TA204" in [problem.code for problem in of(wrapped).problems]


def leaked(text: str) -> list[Problem]:
    """What is said of secrets in a config."""
    return [problem for problem in of(text).problems if problem.code.startswith("TA2")]


def test_words_on_one_line_are_not_joined_to_a_secret() -> None:
    assert leaked(f"a: {CLIENT_SECRET[:20]} {CLIENT_SECRET[20:]}\n") == []


@for_each("client_id", [UUID.replace("-", ""), UUID.replace("-", "").upper()])
def test_a_client_id_without_its_dashes_is_no_secret(client_id: str) -> None:
    assert leaked(f"profiles: {{ a: {{ client_id: {client_id} }} }}\n") == []


def test_every_secret_is_reported_once_where_it_is() -> None:
    """In a value and in the comment behind it, however far down the line is."""
    line = f"a: {CLIENT_SECRET} # {CLIENT_SECRET}"
    comment = line.rindex(CLIENT_SECRET) + 1
    for above in (0, 200):
        found = leaked("\n" * above + line + "\n")
        places = [(each.span.line, each.span.column, each.span.end_column) for each in found]
        assert places == [(above + 1, 4, 44), (above + 1, comment, comment + 40)]
    assert len(leaked(f"# {REFRESH_TOKEN} {ACCESS_TOKEN}\n")) == 2


@for_each("before", ["", "a", "aa"])
def test_a_header_that_is_cut_is_read_as_far_as_it_goes(before: str) -> None:
    header = json.dumps({"kid": before, "typ": "application/rt+jwt"}).encode()
    segment = base64.urlsafe_b64encode(header).decode().rstrip("=")
    for length in range(24, len(segment)):
        is_told = b"rt+" in header[: length * 6 // 8]
        found = pasted_secrets.shape(segment[:length])
        assert found == ("refresh token" if is_told else "JWT"), length


@for_each(
    ("text", "remedy"),
    [
        ("{}", "remove it"),
        ("refresh_token: {{ env: {} }}", "TASTYTRADE_REFRESH_TOKEN"),
        ("client_secret: {{ env: {} }}", "TASTYTRADE_CLIENT_SECRET"),
        ("client_secret: {{ file: {} }}", "write the path"),
        ("client_secret: {{ dotenv: {{ path: {} }} }}", "write the path"),
        ("client_secret: {{ command: [vault, {}] }}", "command line"),
        ("client_secret: {{ argv: [vault, {}] }}", "command line"),
    ],
)
def test_what_to_do_depends_on_where_a_secret_is(text: str, remedy: str) -> None:
    (problem,) = leaked(text.format(CLIENT_SECRET) + "\n")
    assert remedy in " ".join(problem.help)


@for_each("text", ["eyJ", "eyJ.", "a1", "secret " + CLIENT_SECRET + " ", "TT_="])
def test_a_megabyte_in_one_line_is_searched_at_once(text: str) -> None:
    line = text * (1024 * 1024 // len(text))
    started_at = time.process_time()
    other_files.problems(line)
    assert time.process_time() - started_at < 4  # half a second on an idle machine
