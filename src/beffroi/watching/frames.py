"""What the service and the process that understands say to each other: length-prefixed MessagePack over a pair of sockets.

Both ends are this very program, so a frame that does not decode is a defect, not bad input.
"""

import struct
from typing import Final

import msgspec

from beffroi.watching.suspicion import Culprit
from beffroi.watching.understanding import Understood

LENGTH: Final = struct.Struct("<I")


class Begin(msgspec.Struct, tag=True):
    """How to begin: the first frame, and again when the rules have changed. `after` and `state` are of the first only."""

    journal: str
    rules: list[str]
    cache: str | None
    zone: str
    placeholders: dict[str, list[str]]
    off: list[str]
    """Ids of rules that somebody switched off."""
    thresholds: dict[str, int] = {}
    """By id of a correlation: from how many on the house wants it to speak."""
    lateness: int = 3_600
    """Seconds by which an event may be late and still count in correlations."""
    normals: list[tuple[int, str, str]] = []
    """What somebody called normal: (id, id of the rule, Sigma filter)."""
    after: int = 0
    """The position in the journal up to which everything was stored."""
    state: bytes = b""
    state_after: int = 0
    """The position at which the state was taken: from there on everything is understood again."""
    aside: list[Culprit] = []
    """Messages that are passed over: they ended whoever read them."""
    alone: tuple[int, int] | None = None
    """Between these positions each message is understood on its own: one of them ends whoever reads it."""


class Durable(msgspec.Struct, tag=True):
    """Up to this position the journal is on disk and may be read."""

    position: int


class Ready(msgspec.Struct, tag=True):
    """The rules are loaded. `refused` are faults as plain data."""

    rules: int
    correlations: int
    refused: list[list[object]]
    fresh: bool
    """The state that was given could not be used: correlations begin anew, and connections."""


class State(msgspec.Struct, tag=True):
    """What is remembered from one message to the next (correlations, connections), as of a position."""

    position: int
    state: bytes


class Result(msgspec.Struct, tag=True):
    """What some arrivals meant; `faults` are what of the journal could not be read."""

    understood: Understood
    faults: list[list[object]]
    cpu: float
    """Seconds of this process so far."""
    uncounted: dict[str, int]
    """Events that correlations did not count, by reason (`detect.correlation.records.Counts`), since the house began."""


Down = Begin | Durable
Up = Ready | Result | State

_ENCODER = msgspec.msgpack.Encoder()
DOWN = msgspec.msgpack.Decoder(Down)
UP = msgspec.msgpack.Decoder(Up)


def framed(frame: Down | Up) -> bytes:
    """A frame with its length in front."""
    body = _ENCODER.encode(frame)
    return LENGTH.pack(len(body)) + body
