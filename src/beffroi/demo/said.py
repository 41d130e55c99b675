"""What a machine says, and what of it leaves on the wire: `Said` is made by the shapes, `Sent` is what a shipper sends.

Streams of `Said` are in the order of their time and lazy, so a month costs no memory; `together` lays several side by side.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Brussels")
"""The house's zone: most machines write their own clock's time and name none."""

Form = Literal["syslog", "json", "m365"]
"""The shipper: a syslog message, a JSON document sent to `_bulk`, or a record of Microsoft 365's audit log; the names are those of
`logs.arrival.Form`."""


class Said(NamedTuple):
    """What one machine said. `at` is in seconds since 1970 (UTC); `render` makes the bytes, given the number of the machine's record,
    which Windows counts up in the order of its time."""

    at: float
    source: str
    form: Form
    render: Callable[[int], bytes]


class Sent(NamedTuple):
    """A message as it leaves its shipper. `source` is the machine that sends it."""

    at: datetime
    source: str
    form: Form
    message: bytes


Story = Iterable[Said]


def together(*stories: Story) -> Iterator[Said]:
    """Several streams as one, by their time."""
    return heapq.merge(*stories, key=itemgetter(0))


def in_order(said: Iterable[Said]) -> list[Said]:
    """A short story that was not told in the order of its time."""
    return sorted(said, key=itemgetter(0))


def send(story: Story) -> Iterator[Sent]:
    """A stream as its shippers send it, record after record."""
    records = Counter[str]()
    for at, source, form, render in story:
        records[source] += 1
        yield Sent(datetime.fromtimestamp(at, UTC), source, form, render(records[source]))


@lru_cache(maxsize=1_024)
def local(second: int) -> datetime:
    """A moment on the house's clock."""
    return datetime.fromtimestamp(second, ZONE)


def iso(at: float) -> str:
    """UTC with milliseconds, as documents carry it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def every(begin: float, pause: float, count: int) -> Iterator[tuple[int, float]]:
    """(number, moment): regular and not quite so, as programs and networks are."""
    return ((number, begin + number * pause + (number * 7 % 5) * pause / 11) for number in range(count))
