"""Bytes → events: `recordings` finds them, a `Recording` gives its events one by one and says what it could not read."""

from beffroi.logs.formats.limits import Limits
from beffroi.logs.formats.recognise import NO_LOG
from beffroi.logs.formats.recordings import Recording, files, recordings, shown

__all__ = ["NO_LOG", "Limits", "Recording", "files", "recordings", "shown"]
