"""How long a source may take."""

from tastyauth.sources.reference import Command, Env, FirstOf, Reference, SystemdCredential
from tastyauth.sources.surroundings import Surroundings


def time_limit(reference: Reference, surroundings: Surroundings) -> float:
    """Seconds after which resolving `reference` has ended, well or badly."""
    match reference:
        case Env() | SystemdCredential():
            return 0.0
        case Command(timeout=int() | float() as seconds):
            return seconds if surroundings.patience is None else min(seconds, surroundings.patience)
        case FirstOf(references):
            return sum(time_limit(member, surroundings) for member in references)
    return surroundings.limit
