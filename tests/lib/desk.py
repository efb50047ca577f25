"""A desk at which every kind of source answers, and what becomes of each of them in cron."""

from world import CONFIG, World

DESK = (
    ("{ file: live.client-secret }", "resolved", "file ~/.config"),
    ("{ env: TT_SECRET }", "absent", "env TT_SECRET is not set"),
    ("{ systemd_credential: secret }", "absent", "$CREDENTIALS_DIRECTORY is not set"),
    ("{ dotenv: { path: ~/bot.env, name: TT } }", "resolved", "dotenv ~/bot.env TT"),
    ("{ keyring: { service: tastyauth, username: live } }", "absent", "there is no keyring"),
    ("{ command: [sh, -c, 'cat ~/secret'] }", "resolved", "command sh"),
    ("{ command: [vault] }", "absent", "there is no program vault"),
    ("{ command: [~/bin/needs-login] }", "asks", "Vault is locked"),
    ("{ command: { argv: [~/bin/hangs], timeout: 1 } }", "hangs", "did not end within 1 s"),
    ("{ command: [~/bin/needs-display] }", "fails", "cannot open display"),
    ("{ onepassword: 'op://a/b/c' }", "absent", "there is no program op"),
    ("{ first_of: [{ env: TT_SECRET }, { file: live.client-secret }] }", "resolved", "tried first"),
    ("{ first_of: [{ env: TT_SECRET }, { command: [~/bin/needs-login] }] }", "asks", "is locked"),
)
"""Where the client secret is, what becomes of that in cron, and words of what is said about it."""


def furnish(world: World) -> None:
    """Puts the client secret of `world` into all of these places but the keyring."""
    secret = world.client_secret
    world.write(f"{world.home}/secret", secret)
    world.write(f"{world.home}/bot.env", f"TT={secret}\n")
    world.write(f"{world.root}/credentials/secret", secret)
    give = "cat $HOME/secret"
    world.script("vault", give)
    world.script("op", give)
    world.script("needs-login", _unless("BW_SESSION", "echo 'Vault is locked.' >&2; exit 1", give))
    world.script(
        "needs-display", _unless("DISPLAY", "echo 'cannot open display' >&2; exit 1", give)
    )
    world.script("hangs", _unless("DISPLAY", "exec sleep 60", give))
    world.environ |= {
        "TT_SECRET": secret,
        "CREDENTIALS_DIRECTORY": f"{world.root}/credentials",
        "BW_SESSION": "x",
        "DISPLAY": ":0",
    }


def config_with(*secrets: str) -> str:
    """A config with a profile for each place of the client secret: p0, p1, and so on."""
    head, _, profile = CONFIG.partition("  live:\n")
    for number, secret in enumerate(secrets):
        braced = secret.replace("{", "{{").replace("}", "}}")
        head += f"  p{number}:\n" + profile.replace("{{ file: live.client-secret }}", braced)
    return head


def _unless(variable: str, otherwise: str, give: str) -> str:
    return f'[ -n "${{{variable}-}}" ] || {{ {otherwise}; }}\n{give}'
