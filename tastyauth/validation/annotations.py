"""The report for GitHub Actions: workflow commands that become annotations on the changed lines."""

from collections.abc import Sequence

from tastyauth.validation.problem import Checked, Problem


def report(files: Sequence[Checked], color: bool = False) -> str:  # noqa: ARG001, FBT001, FBT002
    """One workflow command for each problem (GitHub shows ten of a kind for each step)."""
    return "".join(
        _annotation(checked.document.name, problem)
        for checked in files
        for problem in checked.problems
    )


def _annotation(name: str, problem: Problem) -> str:
    span = problem.span
    properties = {
        "file": name,
        "line": span.line,
        "col": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
        "title": problem.code,
    }
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    text = "\n".join([f"{problem.message}: {problem.label}", *problem.help])
    return f"::{problem.severity} {listed}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
