"""Every command and flag, as data; the grammar, the help, the completions and the manual use it."""

from tastyauth.cli import command
from tastyauth.cli.command import Argument, Command

GROUPS = ("use", "set up", "trust", "look closer")
"""The headings of the help, in its order."""

_SHELLS = "bash zsh fish"

VERSION = Argument("--version", "print the version")
HELP = Argument("--help -h", "print this help")

COMMON = (
    Argument("--config", "the config to use ($TASTYAUTH_CONFIG)", "FILE", read=command.name),
    Argument("--profile -p", "the profile to use ($TASTYAUTH_PROFILE)", "NAME", read=command.name),
    Argument("--quiet -q", "errors only"),
    Argument("--verbose -v", "show each step"),
    Argument(
        "--color",
        "colours on a terminal (NO_COLOR, FORCE_COLOR)",
        choices="auto always never",
        default="auto",
    ),
    VERSION,
    HELP,
)
"""Flags that mean the same before and after every command."""

_TERMS = (
    Argument(
        "--min-valid",
        "seconds the token must have left (default: 60, or a sixth of its lifetime if less)",
        "S",
        read=command.min_valid,
    ),
    Argument("--refresh", "fetch a new token even if one is cached"),
)

_REQUIRED = Argument(
    "--require-environment",
    "fail with 78 if the profile is for the other environment ($TASTYAUTH_REQUIRE_ENVIRONMENT)",
    choices="production sandbox",
    key="required",
)

_JSON = Argument(
    "--format", "the output format (default: human)", choices="human json", default="human"
)
_REPORT = _JSON._replace(choices="human json github")

_FOUND = Argument("file", "default: the config in use", "FILE", read=command.name, nargs="?")

_COMMANDS = (
    Command(
        "env",
        "use",
        "print the exports, for eval",
        "use:run_env",
        (
            Argument(
                "--format",
                "the output format (default: sh)",
                choices="sh fish csh json dotenv github-env",
                default="sh",
            ),
            Argument("--unset", "only unset what env sets"),
            *_TERMS,
            _REQUIRED,
        ),
    ),
    Command(
        "token",
        "use",
        "print only the access token",
        "use:run_token",
        (
            Argument("--header", "print the whole Authorization header, for curl -H @-"),
            *_TERMS,
            _REQUIRED,
        ),
    ),
    Command(
        "exec",
        "use",
        "run a command with the exports in its environment (exec -- CMD ...)",
        "use:run_exec",
        (
            Argument(
                "--keep-fresh",
                "keep a fresh token in the file $TASTYTRADE_ACCESS_TOKEN_FILE while CMD runs",
            ),
            *_TERMS,
            _REQUIRED,
        ),
    ),
    Command(
        "init",
        "set up",
        "create the config, or add a profile with -p NAME",
        "init:run_init",
        (
            Argument(
                "--environment",
                "real money, the test system, or the server at --api-url",
                choices="production sandbox custom",
            ),
            Argument("--api-url", "with --environment custom only", "URL"),
            Argument(
                "--client-id",
                "the client ID of your application (default: read from the refresh token)",
                "UUID",
            ),
            Argument(
                "--scopes",
                "exactly what the grant may do: read | trade | read,trade | any"
                " (default: ask, else read)",
                "SCOPES",
                choices="read trade read,trade any",
            ),
            Argument("--store", "where to keep the secrets", choices="file keyring pass"),
            Argument("--from", "read the credentials from a bot's .env", "FILE", key="dotenv"),
            Argument("--browser", "open the OAuth Applications page in a browser"),
            Argument("--print", "print an annotated example config", key="only_print"),
        ),
    ),
    Command(
        "secret",
        "set up",
        "store new secrets (secret set)",
        "secret:run_secret",
        (
            Argument("action", value="set", choices="set"),
            Argument("--only", "replace only this one", choices="client_secret refresh_token"),
            Argument("--undo", "go back to the earlier secrets, while the new ones are untested"),
        ),
    ),
    Command(
        "hook",
        "set up",
        "print the code that keeps a shell's exports fresh",
        "hook:run_hook",
        (
            Argument("shell", "your shell", choices=_SHELLS),
            _REQUIRED,
            Argument("--answer", choices="first again changed", hidden=True),
        ),
    ),
    Command(
        "allow",
        "trust",
        "show what a config would do, and approve it",
        "trust:run_allow",
        (
            _FOUND,
            Argument(
                "--print",
                "print the plan (of one profile with -p) and its hash, for $TASTYAUTH_TRUST_SHA256",
                key="only_print",
            ),
        ),
    ),
    Command("deny", "trust", "remove every approval of a config", "trust:run_deny", (_FOUND,)),
    Command(
        "validate",
        "look closer",
        "check configs, without touching a secret or running anything",
        "validate:run_validate",
        (
            Argument("files", "default: the config in use; - means stdin", "FILE", nargs="*"),
            _REPORT,
        ),
    ),
    Command(
        "no-secrets",
        "look closer",
        "look for tastytrade secrets in text files",
        "validate:run_no_secrets",
        (Argument("files", "- is stdin", "FILE", nargs="+"), _REPORT),
    ),
    Command("schema", "look closer", "print the JSON Schema of the config", "validate:run_schema"),
    Command(
        "explain",
        "look closer",
        "explain a diagnostic, an exit code or a topic",
        "validate:run_explain",
        (Argument("topic", "default: list them all", "TOPIC", nargs="?"),),
    ),
    Command(
        "completion",
        "look closer",
        "print completions for a shell",
        "hook:run_completion",
        (Argument("shell", "your shell", choices=_SHELLS), Argument("--profiles", hidden=True)),
    ),
    Command(
        "status",
        "look closer",
        "show what is configured, cached, refused and missing",
        "status:run_status",
        (_JSON,),
    ),
    Command(
        "as-curl",
        "look closer",
        "print the token exchange as a script for sh and curl",
        "status:run_as_curl",
    ),
    Command(
        "clear",
        "look closer",
        "forget cached tokens and failed attempts",
        "status:run_clear",
        (Argument("--all", "for every config, not only this one"),),
    ),
    Command(
        "doctor",
        "look closer",
        "check every step to a token, and say what to do",
        "doctor:run_doctor",
        (
            Argument("--offline", "stop before going online"),
            Argument("--cron", "also rehearse a run under cron"),
            _JSON,
        ),
    ),
    Command(
        "simulator",
        "look closer",
        "simulate tastytrade's token and account endpoints locally",
        "simulator:run_simulator",
        (
            Argument(
                "--port",
                "the port to listen on (default: any free one)",
                "N",
                default=0,
                read=command.port,
            ),
            Argument(
                "--fail",
                "make every token request fail this way",
                "KIND",
                choices="grant-revoked secret-mismatch invalid-jwt not-a-customer "
                "429 503 html-401 slow redirect not-json echo",
            ),
            Argument(
                "--lifetime",
                "lifetime of an access token in seconds (default: 900)",
                "S",
                default=900,
                read=command.lifetime,
            ),
            Argument(
                "--environment",
                "which environment its tokens are for (default: sandbox)",
                choices="production sandbox",
                default="sandbox",
            ),
            Argument(
                "--scopes",
                "what its grant may do, besides openid: read | trade | read,trade | none"
                " (not stated) (default: read)",
                "SCOPES",
                choices="read trade read,trade none",
                default="read",
            ),
            Argument(
                "--seed",
                "the same word always makes the same credentials",
                "WORD",
                read=command.name,
            ),
        ),
    ),
    Command(
        "demo",
        "look closer",
        "show a whole run, from config to token, with the simulator",
        "simulator:run_demo",
    ),
)
COMMANDS = {each.name: each for each in _COMMANDS}
"""Every command by its name, in the order of the help."""
