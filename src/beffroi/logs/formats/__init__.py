"""Bytes → events: `recordings` finds them, a `Recording` gives its events one by one and says what it could not read."""

from beffroi.logs.formats.faults import FaultLog
from beffroi.logs.formats.limits import Limits
from beffroi.logs.formats.parts import Part, in_parts
from beffroi.logs.formats.recognise import NO_LOG
from beffroi.logs.formats.recordings import Recording, files, recordings, recordings_in

__all__ = [
    "NO_LOG",
    "FaultLog",
    "Limits",
    "Part",
    "Recording",
    "files",
    "in_parts",
    "recordings",
    "recordings_in",
]
