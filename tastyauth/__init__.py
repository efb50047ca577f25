"""tastyauth hands out tastytrade access tokens from a declared configuration.

    tastyauth.get_credential("live")          a token, from the cache or from one exchange for all
    await tastyauth.aget_credential("live")   the same for asyncio and trio
    tastyauth.TastytradeAuth("live")          the `auth` of a client of httpx or httpx2
    tastyauth.sdk.session("live")             a session of the SDK `tastytrade` (extra `sdk`)
    tastyauth.profiles()                      what a config declares
    tastyauth.validate("tastyauth.yaml")      what is wrong with it

What they raise is in the tree of `tastyauth.errors`, below TastyauthError. Each name is loaded when
it is first used, since every start of the command line imports this.
"""

__version__ = "0.1.0"

__all__ = [
    "Credential",
    "Secret",
    "TastyauthError",
    "TastytradeAuth",
    "aget_credential",
    "errors",
    "get_credential",
    "profiles",
    "sdk",
    "validate",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tastyauth import errors
    from tastyauth.errors import TastyauthError
    from tastyauth.library import Credential, aget_credential, get_credential, sdk
    from tastyauth.library.auth import TastytradeAuth
    from tastyauth.library.configs import profiles, validate
    from tastyauth.secret import Secret
else:  # to a type checker, every misspelt name would be one of these
    _HOMES = {
        "Credential": "library",
        "Secret": "secret",
        "TastyauthError": "errors",
        "TastytradeAuth": "library.auth",
        "aget_credential": "library",
        "errors": "errors",
        "get_credential": "library",
        "profiles": "library.configs",
        "sdk": "library.sdk",
        "validate": "library.configs",
    }

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            module = __import__(f"tastyauth.{home}", fromlist=[name])
        except ModuleNotFoundError as error:
            if error.name not in ("fcntl", "pwd", "grp"):
                raise
            from tastyauth.errors import NOT_HERE, UsageError

            raise UsageError(f"tastyauth.{name} needs Linux, macOS or WSL", NOT_HERE) from None
        return module if home.endswith(name) else getattr(module, name)

    def __dir__() -> list[str]:
        return [*globals(), *_HOMES]
