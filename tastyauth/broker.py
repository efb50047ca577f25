"""What is known of tastytrade: its hosts, and who signs its tokens."""

API_HOSTS = {"production": "api.tastyworks.com", "sandbox": "api.cert.tastyworks.com"}
"""The host to call for each environment (developer.tastytrade.com)."""

ISSUERS = {"production": "api.tastytrade.com", "sandbox": "api.cert.tastyworks.com"}
"""The host that signs the tokens of each environment; production answers at another one."""

ENVIRONMENTS = {host: name for known in (API_HOSTS, ISSUERS) for name, host in known.items()}
"""The environment that each host belongs to."""

LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
"""The hosts that plain http may go to: what is sent there does not leave the machine."""

REFRESH_TOKEN_TYPE = "rt+jwt"  # noqa: S105  # a media type
