"""The example files, and the exact report beside each invalid one.

`scripts/test --write tests/validation/test_report.py` renews the reports.
"""

import os
from glob import glob

from tastyauth import validation
from tastyauth.validation import document, report
from tastyauth.validation.problem import Checked

EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples")
VALID = sorted(glob(f"{EXAMPLES}/valid/*.yaml"))
INVALID = sorted(glob(f"{EXAMPLES}/invalid/*.yaml"))


BEYOND_A_SCHEMA = {
    # characters, duplicates, two versions of YAML
    *("TA003", "TA009", "TA010", "TA012", "TA013", "TA014", "TA015", "TA016", "TA018"),
    # how the parts of a config fit together
    *("TA116", "TA120", "TA121", "TA122", "TA123", "TA124", "TA125", "TA126"),
    # secrets in comments, names and arguments
    *("TA202", "TA203", "TA204"),
}
"""What only tastyauth finds; anything else the bare schema must refuse as well."""


def beyond_a_schema(path: str) -> set[str]:
    """What only tastyauth finds in that example: no pattern knows which numbers are an address."""
    of_hosts = {"ta111-host.yaml", "ta117-host.yaml"}
    return BEYOND_A_SCHEMA | ({"TA111", "TA117"} if os.path.basename(path) in of_hosts else set())


def checked(path: str) -> Checked:
    """An example, checked where no extra is installed."""
    with open(path, "rb") as file:
        return of(file.read(), os.path.basename(path))


def of(content: bytes | str, name: str = "tastyauth.yaml") -> Checked:
    """What a check of `content` finds."""
    data = content.encode() if isinstance(content, str) else content
    read = document.read(data, name)
    return Checked(read, validation.check(read, lambda _: False))


def errors(content: bytes | str) -> list[str]:
    """The codes of the errors in `content`, in their order."""
    return [problem.code for problem in of(content).problems if problem.severity == "error"]


def text(path: str) -> str:
    """The human report on an example."""
    return report.FORMATS["human"]([checked(path)], False)


def beside(path: str) -> str:
    """The file with the report that is promised for an example."""
    return path.removesuffix(".yaml") + ".txt"
