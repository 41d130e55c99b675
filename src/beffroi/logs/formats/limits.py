"""How much a reader will take: logs are the sender's bytes, and archives can be bombs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one input. What lies beyond is a Fault, never an error, and never an endless wait.

    Sizes are bytes of what comes out, not of what went in.
    """

    line: int = 32 << 20  # one line, one JSON object or one XML event
    parts: int = 1_000_000  # commas in one line or JSON object: what bounds the memory of its values
    faults: int = 1_000  # told one by one for one file; more are only counted
    members: int = 10_000  # files in one archive, all levels of nesting together
    member: int = 4 << 30  # one file of an archive
    total: int = 16 << 30  # all files of an archive, all levels of nesting together
    ratio: int = 1_000  # of bytes out to bytes in, once more than `slack` came out
    slack: int = 16 << 20
    nesting: int = 3  # archives within archives
    memory: int = 8 << 20  # of a member kept in memory; a larger one goes to an anonymous temporary file
