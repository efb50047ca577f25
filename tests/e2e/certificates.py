"""A certificate authority of the tests' own, and certificates good and bad."""

import os
from datetime import UTC, datetime

import trustme


class Authority:
    """Issues certificates into a directory; `file` is what a client must trust."""

    def __init__(self, directory: str) -> None:
        os.makedirs(directory)
        self._directory = directory
        self._authority = trustme.CA()
        self.file = os.path.join(directory, "authority.pem")
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, *names: str, ended: datetime | None = None) -> str:
        """The path of a new certificate for `names`, with its key; it may have `ended`."""
        certificate = self._authority.issue_cert(
            *names, not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=ended
        )
        path = os.path.join(self._directory, f"{len(os.listdir(self._directory))}.pem")
        certificate.private_key_and_cert_chain_pem.write_to_path(path)
        return path
