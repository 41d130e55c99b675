"""What is received, on disk: `Journal` keeps it before anybody is told so, `JournalReader` gives it to whoever understands it."""

from beffroi.logs.journal.disk import REAL, Disk, RealDisk
from beffroi.logs.journal.frames import MOST
from beffroi.logs.journal.reader import JournalReader, Trimmed
from beffroi.logs.journal.writer import Journal

__all__ = ["MOST", "REAL", "Disk", "Journal", "JournalReader", "RealDisk", "Trimmed"]
