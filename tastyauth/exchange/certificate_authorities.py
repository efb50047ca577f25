"""Whom TLS trusts: the user's own choice, else the system's roots, else certifi's."""

import os
import re
import ssl
from collections.abc import Mapping
from typing import NamedTuple

from tastyauth.errors import ConfigError

_BUNDLES = ("ca-certificates.crt", "ca-bundle.crt", "ca-bundle.pem")
"""What distributions call the bundle that lies among the hashed certificates."""

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The links by which OpenSSL finds a certificate in a directory (openssl-rehash)."""


class Roots(NamedTuple):
    """Certificate authorities, and `name` to show for them.

    `otherwise` is the same choice in its slower form: to be asked once before a certificate is
    said to be unknown.
    """

    name: str
    file: str | None = None
    directory: str | None = None
    otherwise: "Roots | None" = None


def roots_for(environ: Mapping[str, str]) -> Roots:
    """The roots to trust; ConfigError when a variable of the user names none.

    An empty SSL_CERT_FILE or SSL_CERT_DIR counts as not set.
    """
    file = environ.get("SSL_CERT_FILE") or None
    directory = environ.get("SSL_CERT_DIR") or None
    if file is None and directory is None:
        return _system_roots()
    if file is not None and not os.path.isfile(file):
        raise _unusable(f"SSL_CERT_FILE={file}")
    if directory is not None and not any(map(_is_hashed, directory.split(os.pathsep))):
        raise _unusable(f"SSL_CERT_DIR={directory}")
    chosen = {"SSL_CERT_FILE": file, "SSL_CERT_DIR": directory}
    name = " and ".join(f"{variable}={path}" for variable, path in chosen.items() if path)
    return Roots(name, file, directory)


def context(roots: Roots) -> ssl.SSLContext:
    """A client context that trusts `roots` and nothing else; ConfigError when they are unreadable.

    Not `ssl.create_default_context`: it writes the session keys to $SSLKEYLOGFILE.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_verify_locations(roots.file, roots.directory)
    except OSError:  # ssl.SSLError is one
        raise _unusable(roots.name) from None
    return made


def _system_roots() -> Roots:
    # The compiled-in paths: the other two fields follow the environment of this process.
    paths = ssl.get_default_verify_paths()
    among = (os.path.join(paths.openssl_capath, name) for name in _BUNDLES)
    files = (path for path in (paths.openssl_cafile, *among) if os.path.isfile(path))
    file = next(files, None)
    bundle = Roots(file, file) if file else None
    if _is_hashed(paths.openssl_capath):
        # A hashed directory is ready in 1 ms, the bundle in 20. The bundle may know an authority
        # more, so it has the last word.
        return Roots(paths.openssl_capath, directory=paths.openssl_capath, otherwise=bundle)
    return bundle or _certifi()


def _certifi() -> Roots:
    import certifi  # a dependency of httpx; 20 ms that hardly any system needs

    return Roots("certifi", certifi.where())


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
