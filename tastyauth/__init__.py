"""tastyauth hands out tastytrade access tokens from a declared configuration.

    tastyauth.get_credential("live")          a token, from the cache or from one exchange for all
    await tastyauth.aget_credential("live")   the same for asyncio
    tastyauth.TastytradeAuth("live")          the `auth` of a client of httpx or httpx2
    tastyauth.sdk.session("live")             a session of the SDK `tastytrade` (extra `sdk`)

What they raise is drawn in `tastyauth.errors`, a tree below TastyauthError. All of it is loaded
when it is first asked for: every start of the command line passes here.
"""

__version__ = "0.1.0"

__all__ = [
    "Credential",
    "TastyauthError",
    "TastytradeAuth",
    "aget_credential",
    "errors",
    "get_credential",
    "sdk",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tastyauth import errors
    from tastyauth.errors import TastyauthError
    from tastyauth.library import Credential, aget_credential, get_credential, sdk
    from tastyauth.library.auth import TastytradeAuth
else:  # to a type checker, every misspelt name would be one of these

    def __getattr__(name: str) -> object:
        match name:
            case "Credential":
                from tastyauth.library import Credential

                return Credential
            case "TastyauthError":
                from tastyauth.errors import TastyauthError

                return TastyauthError
            case "TastytradeAuth":
                from tastyauth.library.auth import TastytradeAuth

                return TastytradeAuth
            case "aget_credential":
                from tastyauth.library import aget_credential

                return aget_credential
            case "errors":
                import tastyauth.errors as errors  # the other form would ask here again

                return errors
            case "get_credential":
                from tastyauth.library import get_credential

                return get_credential
            case "sdk":
                from tastyauth.library import sdk

                return sdk
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
