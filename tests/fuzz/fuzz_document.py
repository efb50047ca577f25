"""Coverage-guided fuzzing of the document reader: any bytes are data or problems with a place."""

import sys

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports():
    import yaml

    from tastyauth.validation import document


def check(content: bytes) -> None:
    """What is said in `tests/validation/test_document.py`, and that PyYAML reads the same."""
    found = document.read(content, "x")
    assert found.data is not None or found.problems
    for problem in found.problems:
        assert 1 <= problem.span.line <= len(found.lines) + 1, problem
        assert problem.span[:2] <= problem.span[2:], problem
    for span in (*found.keys.values(), *found.values.values()):
        assert span[:2] <= span[2:], span
    if not found.problems:
        assert found.data == yaml.safe_load(found.text), found.data


def main() -> None:
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
