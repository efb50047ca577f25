"""What can go wrong: one tree, each branch with the exit code that cron and people act on.

    TastyauthError               70  a bug, when nothing below fits
    ├── UsageError                2  wrong command line or argument, no such profile
    ├── WrongOrigin               2  a request of a program's leads away from its profile's API
    ├── ConfigNotFound           66  no config found, or not readable
    ├── SecretError              69  a secret is locked, denied, malformed or timed out
    │   └── SecretAbsent         69  it is not here; the one case in which `first_of` moves on
    ├── OutputError              74  stdout could not be written
    ├── TemporaryError           75  network, 429, 5xx, lock busy: try again later
    ├── ProtocolError            76  the server answered something that is not the protocol
    ├── RefusedError             77  the server refused the credentials, or they are mixed up
    └── ConfigError              78  the config is invalid
        └── ConfigNotAllowed     78  the config is not trusted yet

The numbers are those of sysexits.h where one fits. A message is one lower-case sentence without a
full stop; the hint says what to do next. Neither ever holds a secret. Code that has to tell errors
of one class apart looks at `reason`, never at the text. What is known of tastytrade, its pages and
hosts, is here as well.
"""

APPLICATIONS_PAGE = "https://my.tastytrade.com/app.html#/manage/api-access/oauth-applications"
"""Where grants and client secrets are made and deleted (developer.tastytrade.com, OAuth2)."""

CREATE_GRANT = f"Manage → Create Grant on {APPLICATIONS_PAGE}"
"""How to make a grant, for hints."""


def steps(*each: str) -> str:
    """What to do one after the other, for hints: numbered lines."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(each, 1))


API_HOSTS = {"production": "api.tastyworks.com", "sandbox": "api.cert.tastyworks.com"}
"""The host to call for each environment (developer.tastytrade.com)."""

ISSUERS = {"production": "api.tastytrade.com", "sandbox": "api.cert.tastyworks.com"}
"""The host that signs the tokens of each environment; production answers at another one."""

ENVIRONMENTS = {host: name for known in (API_HOSTS, ISSUERS) for name, host in known.items()}
"""The environment that each host belongs to."""

LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
"""The hosts that plain http may go to: what is sent there does not leave the machine."""


def is_host(text: str) -> bool:
    """Whether `text` is one name or address to every reader; IPv6 is in brackets.

    Some take 0177.0.0.1, 127.1 or 0x7f.1 for an address, others for a name.
    """
    from ipaddress import IPv4Address, IPv6Address  # late: a hit knows its host

    labels = text.lower().split(".")
    try:
        if text.startswith("["):
            return IPv6Address(text[1:-1]) is not None
        if labels[-1].isdigit() or labels[-1].startswith("0x"):
            return IPv4Address(text) is not None
    except ValueError:
        return False
    return all(0 < len(label) < 64 for label in labels)


REFRESH_TOKEN_TYPE = "rt+jwt"  # noqa: S105  # a media type

UNDER_WAY = "under way"
"""The reason of a harmless error: another machine is renewing a token that is still good."""

BY_PROXY = "refused by the proxy"
"""The reason of a ConfigError that a proxy has given, which must not be asked in a loop either."""

NO_PROFILE = "no such profile"
"""The reason of a UsageError about a profile that is not in the config."""

PERHAPS_A_PROFILE = "perhaps a profile"
"""The reason of a UsageError whose hint ends with what to type if a word is a profile."""

NOT_HERE = (
    "on Windows, the commands validate, no-secrets, schema and explain work; run the rest in WSL"
)
"""What to do on a system without users, locks and signals as POSIX has them."""


class TastyauthError(Exception):
    """Something tastyauth can say in a sentence; never raised directly.

    `reason` is a word for code that must tell errors of one class apart, like "refused connection".
    `retry_after` is the number of seconds before the server is asked again: it said so (RFC 9110,
    section 10.2.3), or it has just failed. None where neither is known. `is_answer` is set for what
    a token endpoint said, as opposed to what kept it from being asked, and `attempt` for what
    another machine has recorded of it (`cache.last_attempt.Attempt`). `about` is the profile whose
    run it ended, with its environment: "live, production".
    """

    exit_code = 70
    is_answer = False
    attempt: object = None
    about = ""

    def __init__(
        self, message: str, hint: str = "", retry_after: float | None = None, *, reason: str = ""
    ) -> None:
        super().__init__(message)
        self.message, self.reason, self.retry_after = message, reason, retry_after
        self.advise(hint)

    def __str__(self) -> str:
        return f"{self.about}: {self.message}" if self.about else self.message

    def advise(self, hint: str) -> None:
        """Sets the hint, which a traceback in somebody's program shows too."""
        self.hint = hint
        self.__notes__ = [f"hint: {hint}"] if hint else []


class UsageError(TastyauthError):
    """A command line or a call cannot be followed, or names a profile that does not exist."""

    exit_code = 2


class WrongOrigin(TastyauthError):
    """A request to somewhere other than the API of its profile; it was not sent."""

    exit_code = 2


class ConfigNotFound(TastyauthError):
    """There is no config where one was looked for, or it cannot be read."""

    exit_code = 66


class SecretError(TastyauthError):
    """A reference is here but does not yield its secret: locked, denied, malformed, timed out."""

    exit_code = 69


class SecretAbsent(SecretError):
    """A reference points at something that does not exist or is not available here."""


class OutputError(TastyauthError):
    """stdout is closed, full or broken."""

    exit_code = 74


def reason_of(error: OSError) -> str:
    """What the system reports, as part of a sentence: "no such file or directory"."""
    reason = error.strerror or str(error) or "unknown reason"
    return reason[0].lower() + reason[1:]


def cannot_write(error: OSError) -> OutputError:
    """The error to raise when stdout cannot be written."""
    hint = "check what reads the output, or the disk it goes to"
    return OutputError(f"cannot write to stdout: {reason_of(error)}", hint)


class TemporaryError(TastyauthError):
    """It may work later without any change."""

    exit_code = 75


def no_thread() -> TemporaryError:
    """The error to raise when no thread can be started (RLIMIT_NPROC)."""
    hint = "end other processes of this user, or raise the limit: ulimit -u"
    return TemporaryError("the system cannot start another thread for the request", hint)


class ProtocolError(TastyauthError):
    """The answer is not OAuth 2.0 (RFC 6749, section 5)."""

    exit_code = 76


class RefusedError(TastyauthError):
    """Somebody has to act: the grant or the client was refused, or credentials are mixed up."""

    exit_code = 77


class ConfigError(TastyauthError):
    """The config, or a setting of the environment, is not valid."""

    exit_code = 78


class ConfigNotAllowed(ConfigError):
    """The config is well-formed but nobody has approved it (`tastyauth allow`)."""


OF_A_PROFILE = (SecretError, TemporaryError, ProtocolError, RefusedError, ConfigError)
"""The errors that concern one profile's token; the others concern the command."""


class Stopped(BaseException):
    """A signal asked this run to end; the exit code is 128 and its number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number
