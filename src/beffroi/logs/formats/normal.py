"""One message as it arrived → named fields in Sigma's taxonomy, its log source, its time: pure, whatever sent it.

`understood.normalise` is the one door; behind it stands a reader for each form (`logs.arrival.Form`).
"""

from datetime import datetime, tzinfo
from typing import NamedTuple

from beffroi.core.model import Fields, LogSource


class Context(NamedTuple):
    """What is known of a message beside its bytes: when it arrived (UTC), from where, the house's zone for times that name none,
    and the log source that a person stated for it."""

    arrived: datetime
    zone: tzinfo
    peer: str = ""
    stated: LogSource | None = None


class Normalised(NamedTuple):
    """A message understood. What it does not say is None."""

    time: datetime | None
    """When it happened (UTC); None where the message states no time: then its arrival counts."""
    guessed: bool
    """The year or the zone was not stated: the year nearest to arrival and the house's zone were taken."""
    host: str | None
    """The machine it speaks of, as it names itself."""
    logsource: LogSource | None
    """None where the fields name a Windows channel themselves, or where nothing is known of it."""
    fields: Fields
    """Under the names of docs/fields.md; `message` is the text after the header, where there is one."""
    identity: str | None = None
    """What the source guarantees to be this event's alone (a journal cursor; computer, channel, record number and time created)."""
    pid: str | None = None
    """The number of the process that wrote the line, where its header names one: what ties the lines of a connection together."""
