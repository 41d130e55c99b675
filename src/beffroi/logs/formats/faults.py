"""What could not be read, kept within bounds: a file of a million bad lines must not fill the memory with complaints."""

from beffroi.core.model import Fault


class FaultLog:
    """The faults of one file, at most `most` of them one by one; `close` tells how many more there were."""

    def __init__(self, path: str, into: list[Fault], most: int) -> None:
        self.path = path
        self.count = 0
        self._into = into
        self._most = most

    def add(self, place: str, what: str) -> None:
        self.count += 1
        if self.count <= self._most:
            self._into.append(Fault(self.path, place, what))

    def close(self) -> None:
        if self.count > self._most:
            self._into.append(Fault(self.path, "", f"{self.count - self._most} more places could not be read"))
            self._most = self.count
