"""Stories of whole attacks and of quiet weeks, in the exact shapes of the real sources: for tests, figures and a house to show.

    quiet(days, seed, start)                    quiet days, as the shippers send them
    play(name, start, seed=…, days=…)           a whole story in the midst of quiet days

Everything is pure: the same arguments give the same messages. Messages come lazily, in the order of their time; `STORIES` names all stories.
"""

from collections.abc import Iterator
from datetime import datetime
from random import Random

from beffroi.demo.house import House
from beffroi.demo.quiet import quiet, said_quietly
from beffroi.demo.said import Said, Sent, Story, send, together
from beffroi.demo.stories import STORIES, Tell

__all__ = ["STORIES", "House", "Said", "Sent", "Story", "Tell", "play", "quiet", "send", "together"]


def play(name: str, start: datetime, *, seed: int = 1, days: int = 1, house: House | None = None) -> Iterator[Sent]:
    """A story that begins at `start`, while `days` quiet days (not dense ones) go by from that day's midnight on. Raises KeyError for a name
    that no story has."""
    house = house or House()
    story = STORIES[name](house, start.timestamp(), Random(f"{seed} {name}"))  # noqa: S311 - drawn again the same
    return send(together(said_quietly(days, seed, start, house, 0.3), story))
