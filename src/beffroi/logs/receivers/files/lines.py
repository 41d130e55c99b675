"""Bytes of a text that grows → its lines, each with the place where it begins; memory is bounded by one line."""

from typing import NamedTuple


class Line(NamedTuple):
    """A line without its end. `start` is where it begins, `end` where what follows begins; `cut` where it was longer than allowed,
    `skips` where what follows is the rest of it."""

    start: int
    end: int
    text: bytes
    cut: bool = False
    skips: bool = False


class Lines:
    """Cuts what it is fed into lines. `place` is where the first byte stands that no line that was given held."""

    def __init__(self, most: int, place: int = 0, *, skipping: bool = False) -> None:
        """Begin at byte `place`, in the middle of a line that is passed over where `skipping`."""
        self.place = place
        self.skipping = skipping
        self._most = most
        self._begun = bytearray()

    @property
    def read(self) -> int:
        """Where the next bytes to be fed stand."""
        return self.place + len(self._begun)

    def feed(self, data: bytes) -> list[Line]:
        """The lines that end with these bytes, empty ones left out."""
        found: list[Line] = []
        at = 0
        if self.skipping:
            end = data.find(b"\n") + 1
            if not end:
                self.place += len(data)
                return found
            self.place += end
            self.skipping, at = False, end
        while end := data.find(b"\n", at) + 1:
            self._add(found, self._begun + data[at:end])
            self._begun.clear()
            at = end
        self._begun += data[at:]
        if len(self._begun) > self._most:
            start, self.place = self.place, self.place + len(self._begun)
            found.append(Line(start, self.place, bytes(self._begun[: self._most]), cut=True, skips=True))
            self._begun.clear()
            self.skipping = True
        return found

    def close(self) -> list[Line]:
        """The last line, which has no end and will get none."""
        found: list[Line] = []
        self._add(found, self._begun)
        self._begun = bytearray()
        return found

    def _add(self, found: list[Line], whole: bytes | bytearray) -> None:
        start, self.place = self.place, self.place + len(whole)
        text = bytes(whole).rstrip(b"\r\n")
        if text:
            found.append(Line(start, self.place, text[: self._most], cut=len(text) > self._most))
