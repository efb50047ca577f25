"""The certificate authorities that TLS trusts: the user's, else the system's, else certifi's."""

import os
import re
import ssl
from collections.abc import Mapping
from typing import NamedTuple

from tastyauth.errors import ConfigError

_BUNDLES = ("ca-certificates.crt", "ca-bundle.crt", "ca-bundle.pem")
"""Names that distributions give to the bundle beside the hashed certificates."""

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The links by which OpenSSL finds a certificate in a directory (openssl-rehash)."""


class Authorities(NamedTuple):
    """A file or directory of certificate authorities, and the `name` to show for it.

    `otherwise` is a second choice, slower to load, to try before a certificate is refused.
    """

    name: str
    file: str | None = None
    directory: str | None = None
    otherwise: "Authorities | None" = None


def authorities_for(environ: Mapping[str, str]) -> Authorities:
    """The authorities to trust; ConfigError when a variable of the user names none.

    An empty SSL_CERT_FILE or SSL_CERT_DIR counts as not set.
    """
    file = environ.get("SSL_CERT_FILE") or None
    directory = environ.get("SSL_CERT_DIR") or None
    if file is None and directory is None:
        return _system_authorities()
    if file is not None and not os.path.isfile(file):
        raise _unusable(f"SSL_CERT_FILE={file}")
    if directory is not None and not any(map(_is_hashed, directory.split(os.pathsep))):
        raise _unusable(f"SSL_CERT_DIR={directory}")
    variables = {"SSL_CERT_FILE": file, "SSL_CERT_DIR": directory}
    name = " and ".join(f"{variable}={path}" for variable, path in variables.items() if path)
    return Authorities(name, file, directory)


def context(chosen: Authorities) -> ssl.SSLContext:
    """A client context that trusts `chosen` only; ConfigError when they cannot be read.

    Not `ssl.create_default_context`: it writes the session keys to $SSLKEYLOGFILE.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_verify_locations(chosen.file, chosen.directory)
    except OSError:  # ssl.SSLError is one
        raise _unusable(chosen.name) from None
    return made


def _system_authorities() -> Authorities:
    # The compiled-in paths: the other two fields follow the environment of this process.
    paths = ssl.get_default_verify_paths()
    among = (os.path.join(paths.openssl_capath, name) for name in _BUNDLES)
    files = (path for path in (paths.openssl_cafile, *among) if os.path.isfile(path))
    file = next(files, None)
    bundle = Authorities(file, file) if file else None
    if _is_hashed(paths.openssl_capath):
        # A hashed directory is loaded in 1 ms, the bundle in 20. The bundle may hold more
        # authorities, so it is asked before a certificate is refused.
        return Authorities(paths.openssl_capath, directory=paths.openssl_capath, otherwise=bundle)
    if bundle:
        return bundle
    import certifi  # a dependency of httpx; 20 ms that hardly any system needs

    return Authorities("certifi", certifi.where())


def _is_hashed(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return any(_HASHED.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False


def _unusable(name: str) -> ConfigError:
    return ConfigError(
        f"{name} holds no certificates that can be read",
        "SSL_CERT_FILE names a file of PEM certificates, SSL_CERT_DIR a directory that"
        " `openssl rehash` has prepared; unset them to trust the system's",
    )
