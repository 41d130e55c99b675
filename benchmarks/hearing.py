"""What a person would be told of what was played (`playing.py`): incidents with their situations, and whom they name."""

from datetime import datetime
from typing import NamedTuple

from benchmarks.playing import Outcome, Seen

from beffroi.detect.ir import LEVELS


class Incident(NamedTuple):
    """An incident, and of what it is made."""

    severity: str
    matches: tuple[Seen, ...]

    @property
    def situations(self) -> frozenset[str]:
        return frozenset(each.situation for each in self.matches)

    @property
    def named(self) -> frozenset[str]:
        return frozenset().union(*(each.named for each in self.matches))

    @property
    def grave(self) -> int:
        """The place of its severity among Sigma's levels."""
        return LEVELS.index(self.severity)

    def first(self, *situations: str) -> datetime:
        """When its first match came, of some situations only where any are given. Raises ValueError where there is none."""
        return min(
            datetime.fromisoformat(each.time) for each in self.matches if not situations or each.situation in situations
        )

    def __str__(self) -> str:
        titles = sorted({f"{each.title} [{each.situation}, {each.level}]" for each in self.matches})
        return f"{self.severity} from {self.first():%a %d %H:%M:%S} UTC, {len(self.matches)}: {'; '.join(titles)}"


def incidents(outcome: Outcome) -> list[Incident]:
    """All of a play, in the order of their first match."""
    return [Incident(outcome.severity(number), tuple(some)) for number, some in outcome.incidents.items()]
