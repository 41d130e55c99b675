"""Messages that end whoever reads them: set aside for good. They stay in the journal and go into the archive, found by their words;
no reader and no rule sees them again."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from beffroi.core.files import replace_file
from beffroi.logs.journal import REAL
from beffroi.logs.journal.segments import names_in
from beffroi.watching.suspicion import Culprit

NAME: Final = "aside.json"
"""The file, beside the journal's segments whose positions it names."""
MOST: Final = 10_000
"""Messages that are remembered; the oldest are forgotten first."""


def load(journal: Path) -> frozenset[Culprit]:
    """What is set aside of a journal. A file that cannot be read is none: what it named is found out anew."""
    try:
        return frozenset(msgspec.json.decode((journal / NAME).read_bytes(), type=list[Culprit]))
    except (OSError, msgspec.MsgspecError):
        return frozenset()


def add(journal: Path, culprits: Collection[Culprit]) -> None:
    """Set messages aside; it is on disk when this returns. What the journal does not hold any more is forgotten. Raises OSError."""
    names = names_in(REAL, journal)
    begins = names[0].base if names else 0
    kept = sorted(each for each in load(journal).union(culprits) if each.position >= begins)
    replace_file(journal / NAME, msgspec.json.encode(kept[-MOST:]))
