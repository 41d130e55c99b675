"""Which message ends the process that understands, when it ends again and again: pure, from one death to the next.

    two deaths without progress ──▶ that stretch is understood message by message ──▶ twice at the same one ──▶ it is set aside

Whoever merely is killed (by a person, for want of memory) dies at another message each time, and nothing is set aside.
"""

from typing import Final, NamedTuple

from beffroi.watching.mark import WHOLE, At

DEATHS: Final = 2
"""Deaths without progress after which messages are taken one by one."""


class Culprit(NamedTuple):
    """A message by its place in the journal: the position after its arrival, and its number there, counted from 0."""

    position: int
    number: int


class Suspicion:
    """What is known so far."""

    def __init__(self) -> None:
        self.alone: tuple[int, int] | None = None
        """Between these positions each message is understood on its own; None: nowhere."""
        self._checkpoint = -1
        self._deaths = 0
        self._suspect: Culprit | None = None

    def died(self, checkpoint: int, at: At | None) -> Culprit | None:
        """Note a death, the position up to which everything was stored by then, and what it was at. The culprit, once it is known."""
        if self.alone is not None and checkpoint >= self.alone[1]:
            self.alone = self._suspect = None
        if checkpoint != self._checkpoint:
            self._checkpoint, self._deaths = checkpoint, 0
        if at is None:
            return None
        if at.number == WHOLE:
            self._deaths += 1
            if self._deaths >= DEATHS:
                self.alone = at.begin, at.end
            return None
        found = Culprit(at.end, at.number)
        if found == self._suspect:
            self._suspect = None
            return found
        self._suspect = found
        return None
