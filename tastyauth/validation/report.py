"""Problems as text: for a person, for a program, for GitHub; none of them can show a secret.

All three say the same out of the same masked words, about any number of checked files.
"""

from collections.abc import Callable, Sequence

from tastyauth.validation import annotations, human, machine
from tastyauth.validation.problem import Checked

__all__ = ["FORMATS"]

FORMATS: dict[str, Callable[[Sequence[Checked], bool], str]] = {
    "human": human.report,
    "json": machine.report,
    "github": annotations.report,
}
"""Each format: from what was checked, and whether colours are wanted, to the text to print."""
