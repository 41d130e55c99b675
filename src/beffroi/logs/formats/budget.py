"""What an archive may still give: one budget for the outermost archive with all the archives in it."""

from beffroi.core.model import Message, message
from beffroi.logs.formats.limits import Limits


class Unreadable(OSError):
    """Why something cannot be read, or not further, in one sentence."""

    def __init__(self, what: Message) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return str(self.what)


class TooMuch(Unreadable):
    """A limit is reached; nothing more is read from the archive."""


class Budget:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._bytes = 0
        self._members = 0

    def member(self) -> None:
        self._members += 1
        if self._members > self.limits.members:
            most = self.limits.members
            raise TooMuch(message("it holds more than {most:,} files; the others were not read", most=most))

    def spend(self, size: int) -> None:
        """Counts bytes that came out."""
        self._bytes += size
        if self._bytes > self.limits.total:
            most = self.limits.total
            raise TooMuch(
                message("its files are longer than {most:,} bytes together; the rest was not read", most=most)
            )
