"""What can be said of a command line before it is parsed."""

from collections.abc import Iterable, Sequence


class Shown(Exception):
    """A text was asked for instead of a run: --help or --version."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def first_word(words: Sequence[str]) -> str | None:
    """The first argument that is neither a common flag nor its value: the command."""
    rest = iter(words)
    for word in rest:
        if word in {"--config", "--profile", "--color"} or _ends_in_p(word):
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def _ends_in_p(word: str) -> bool:
    """Whether the value of -p comes next, behind other short flags perhaps: -qp live."""
    return word[:1] == "-" and word[-1:] == "p" and set(word[1:-1]) <= set("qvh")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What somebody meant who wrote `word`, if it is like something known."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1)), None)
