"""Several sources in order of preference."""

from collections.abc import Iterator
from dataclasses import dataclass

from tastyauth.errors import SecretAbsent
from tastyauth.secret import Secret
from tastyauth.sources import Reference, Surroundings, parse


@dataclass(frozen=True, slots=True)
class FirstOf(Reference):
    """The first of `references` that exists here; never nested."""

    references: tuple[Reference, ...]
    kind = "first_of"

    @classmethod
    def parse(cls, value: object, directory: str, home: str) -> Reference | None:
        if not isinstance(value, list) or not value:
            return None
        parsed = (parse(member, directory=directory, home=home) for member in value)
        # A nested list means the same as one longer list; flattened, no code can miss a member.
        return cls(tuple(member for reference in parsed for member in reference.members))

    @property
    def members(self) -> tuple[Reference, ...]:
        return self.references

    def detail(self, home: str) -> str:
        return f"({', '.join(member.describe(home) for member in self.references)})"

    def resolve(self, around: Surroundings) -> Secret:
        value, reasons = self.first(lambda member: member.resolve(around))
        if value is None:
            raise none_of(reasons)
        return value

    def inputs(self) -> tuple[tuple[str, str], ...]:
        return tuple(pair for member in self.references for pair in member.inputs())

    def time_limit(self, around: Surroundings) -> float:
        return sum(member.time_limit(around) for member in self.references)

    def plan(self, prefix: str, around: Surroundings) -> Iterator[str]:
        for number, member in enumerate(self.references, 1):
            yield from member.plan(f"{prefix}{number}. ", around)

    def shell_word(self, around: Surroundings) -> str:
        """A script has no `first_of`: the first member that is not plainly absent."""
        here = (it for it in self.references if not it.is_absent(around))
        return next(here, self.references[0]).shell_word(around)


def none_of(reasons: list[SecretAbsent]) -> SecretAbsent:
    """The error for a list of sources none of which exists here."""
    why = "; ".join(it.message for it in reasons)
    what = f"none of {len(reasons)} sources has the secret: {why}"
    return SecretAbsent(what, "make one of them available")
