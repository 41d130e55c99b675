"""JSON over many lines → the text of its objects, one by one: arrays, pretty-printed objects one after the other.

Only braces, strings and line ends are looked at, so a file of any size takes the memory of its largest object.
"""

import re
from collections.abc import Iterator

from beffroi.logs.formats.faults import FaultLog
from beffroi.logs.formats.sources import Source

BLOCK = 1 << 18

# A string (never over a line end; the block's end may cut it), a line end with a brace right behind it, a brace.
_TOKEN = re.compile(rb'"(?:[^"\\\n]++|\\.|\\)*+(?:"|(?=\n)|\Z)|\n\{?|[{}]')
# What may stand between objects; evtx_dump writes "Record 17" before each.
_BETWEEN = re.compile(rb"[\s,\[\]]*+(?:Record \d+[\s,\[\]]*+)*+")


def objects(source: Source, log: FaultLog, longest: int) -> Iterator[tuple[int, bytes]]:
    """(line, text) of every object at the top, or in an array at the top; what is no object is told to `log`."""
    scanner = _Scanner(log, longest)
    while True:
        block = source.read(BLOCK)
        yield from scanner.feed(block)
        if not block:
            return


class _Scanner:
    def __init__(self, log: FaultLog, longest: int) -> None:
        self._log = log
        self._longest = longest  # bytes of one object
        self._buffer = b""
        self._position = 0  # up to here tokens were looked at
        self._line = 1  # at `_position`
        self._depth = 0
        self._start = 0  # of the open object; with none open: of the text since the last
        self._opened = 1  # the line of `_start`
        self._again: tuple[int, int] | None = None  # (where, line) the next object begins if the open one never ends
        self._hard = False  # whether a brace at the beginning of a line always begins a new object

    def feed(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """The objects that end in `block`; an empty block is the end of the stream."""
        self._buffer += block
        yield from self._tokens(final=not block)
        while self._depth and (not block or len(self._buffer) - self._start > self._longest):
            self._give_up()
            yield from self._tokens(final=not block)
        if not block or (not self._depth and self._position - self._start > self._longest):
            self._between(self._position if block else len(self._buffer))
            self._start = self._position
        if self._again:
            self._again = (self._again[0] - self._start, self._again[1])
        self._buffer = self._buffer[self._start :]
        self._position -= self._start
        self._start = 0

    def _tokens(self, *, final: bool) -> Iterator[tuple[int, bytes]]:
        buffer = self._buffer
        for token in _TOKEN.finditer(buffer, self._position):
            if token.end() == len(buffer) and not final:
                return  # it may go on in the next block
            self._position = token.end()
            text = token[0]
            if text.startswith(b"\n"):
                self._line += 1
            if text.endswith(b"{") and not text.startswith(b'"'):
                self._open(token.end() - 1, at_line_start=len(text) == 2)
            elif text == b"}" and self._depth:
                self._depth -= 1
                if not self._depth:
                    yield self._opened, buffer[self._start : token.end()]
                    self._start, self._opened, self._again = token.end(), self._line, None
        self._position = len(buffer)

    def _open(self, position: int, *, at_line_start: bool) -> None:
        if self._depth and at_line_start:
            if self._hard:
                self._log.add(f"line {self._opened}", "the object that begins here does not end")
                self._depth = 0
                self._start = position
            elif self._again is None:
                self._again = (position, self._line)
        if not self._depth:
            self._between(position)
            self._start, self._opened = position, self._line
        self._depth += 1

    def _give_up(self) -> None:
        """The open object ends nowhere: begin again behind it, once with the old rule, from then on with the hard one."""
        self._log.add(
            f"line {self._opened}", f"the object that begins here does not end, or only after {self._longest:,} bytes"
        )
        self._depth = 0
        if self._again:
            self._position, self._line = self._again
        self._start, self._opened, self._again, self._hard = self._position, self._line, None, True

    def _between(self, end: int) -> None:
        """Tells of text between objects that belongs to no JSON."""
        text = self._buffer[self._start : end]
        if not _BETWEEN.fullmatch(text):
            self._log.add(f"line {self._opened}", f"{len(text.strip()):,} bytes here are no JSON object")
