"""The report for a program: JSON of a stated version, positions from 1, ranges in code points."""

import json
from collections.abc import Sequence

from tastyauth.validation.masking import pointer
from tastyauth.validation.problem import Checked, Problem, Span

FORMAT_VERSION = 1
"""Rises when a field changes its meaning or goes; new fields may come at any time."""


def report(files: Sequence[Checked], color: bool = False) -> str:  # noqa: ARG001, FBT001, FBT002
    """One JSON object about all files, and a newline."""
    content = {
        "format_version": FORMAT_VERSION,
        "files": [
            {
                "path": checked.document.name,
                "valid": not checked.errors,
                "errors": checked.errors,
                "warnings": checked.warnings,
            }
            for checked in files
        ],
        "problems": [
            _problem(checked.document.name, problem)
            for checked in files
            for problem in checked.problems
        ],
    }
    return json.dumps(content, indent=2) + "\n"


def _problem(name: str, problem: Problem) -> dict[str, object]:
    return {
        "code": problem.code,
        "severity": problem.severity,
        "path": name,
        "pointer": pointer(problem.path),
        **_range(problem.span),
        "message": problem.message,
        "label": problem.label,
        "labels": [{**_range(label.span), "text": label.text} for label in problem.labels],
        "help": list(problem.help),
    }


def _range(span: Span) -> dict[str, int]:
    return dict(zip(("line", "column", "end_line", "end_column"), span, strict=True))
