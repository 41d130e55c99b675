"""What could not be read, kept within bounds: a file of a million bad lines must not fill the memory with complaints."""

from beffroi.core.model import WHOLE, Fault, Message, UnfitError, message


def reason(error: Exception) -> Message:
    """Why something cannot be read: the error's own sentence, else what Python says."""
    return error.what if isinstance(error, UnfitError) else message("it cannot be read: {error}", error=str(error))


class FaultLog:
    """The faults of one file, at most `most` of them one by one; `close` tells how many more there were."""

    def __init__(self, path: str, into: list[Fault], most: int) -> None:
        self.path = path
        self.count = 0
        self._into = into
        self._most = most

    def add(self, place: Message, what: Message) -> None:
        self.count += 1
        if self.count <= self._most:
            self._into.append(Fault(self.path, place, what))

    def add_line(self, line: int, what: Message) -> None:
        """`add` for a line of text; its place is put into words only where it is kept."""
        if self.count < self._most:
            self.add(message("line {line}", line=line), what)
        else:
            self.count += 1

    @property
    def untold(self) -> int:
        """How many were only counted."""
        return max(0, self.count - self._most)

    def close(self) -> None:
        if self.untold:
            more = message("{count:,} more places could not be read", count=self.untold)
            self._into.append(Fault(self.path, WHOLE, more))
            self._most = self.count
