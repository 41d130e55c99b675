"""JSON over many lines → the text of its objects, one by one: arrays, pretty-printed objects one after the other.

Only braces, strings and line ends are looked at, so a file of any size takes the memory of its largest object.
"""

import re
from collections.abc import Iterator

from beffroi.core.model import message
from beffroi.logs.formats.faults import FaultLog
from beffroi.logs.formats.sources import Source

BLOCK = 1 << 18
_LINE_END = 0x0A

# Everything up to the next brace, strings as a whole (they never go over a line end). What ends the match: a brace, the end of
# the bytes within a string, or that end. There is one way through any bytes and nothing is ever given up, so it takes linear
# time; the engine remembers every string it went through, so a thousand at once bound its memory.
_TOKEN = re.compile(rb'[^"{}]*(?:"[^"\n]*(?:["\n]|(?P<cut>\Z))[^"{}]*){0,1000}(?:(?P<open>{)|(?P<close>}))?')
# What may stand between objects; evtx_dump writes "Record 17" before each. A thousand bound the memory here too.
_BETWEEN = re.compile(rb"[\s,\[\]]*(?:Record \d+[\s,\[\]]*){0,1000}")


def objects(source: Source, log: FaultLog, longest: int) -> Iterator[tuple[int, bytes]]:
    """(line, text) of every object at the top, or in an array at the top; what is no object is told to `log`."""
    scanner = _Scanner(log, longest)
    while True:
        # Half as much again as is waiting: an object of many blocks is then looked at thrice, not as often as it has blocks,
        # and takes little more than its own memory.
        block = source.read(max(BLOCK, scanner.waiting // 2))
        yield from scanner.feed(block)
        if not block:
            return


class _Scanner:
    def __init__(self, log: FaultLog, longest: int) -> None:
        self._log = log
        self._longest = longest  # bytes of one object
        self._buffer = b""
        self._position = 0  # up to here tokens were looked at
        self._line, self._counted = 1, 0  # the line at a place up to which line ends were counted
        self._depth = 0
        self._start = 0  # of the open object; with none open: of the text since the last
        self._opened = 1  # the line of `_start`
        self._again: tuple[int, int] | None = None  # (where, line) the next object begins if the open one never ends
        self._hard = False  # whether a brace at the beginning of a line always begins a new object

    @property
    def waiting(self) -> int:
        """Bytes of what is open."""
        return len(self._buffer)

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
        self._line_at(self._start)
        self._buffer = self._buffer[self._start :]
        self._position -= self._start
        self._counted -= self._start
        self._start = 0

    def _tokens(self, *, final: bool) -> Iterator[tuple[int, bytes]]:
        buffer, begin = self._buffer, self._position
        # Once escaped characters are blanked, a string goes from one quote to the next.
        plain = buffer[begin:].replace(rb"\\", b"  ").replace(rb"\"", b"  ")
        for token in _TOKEN.finditer(plain):
            end = begin + token.end()
            sign = token.lastgroup
            if sign == "cut" and not final:
                self._position = begin + plain.rindex(b'"')  # the string goes on in the next block
                return
            self._position = end
            if sign == "open":
                if not self._depth or (buffer[end - 2] == _LINE_END and self._at_line_start(end - 1)):
                    self._open(end - 1)
                self._depth += 1
            elif sign == "close" and self._depth:
                self._depth -= 1
                if not self._depth:
                    yield self._opened, buffer[self._start : end]
                    self._start, self._opened, self._again = end, self._line_at(end), None

    def _line_at(self, position: int) -> int:
        """The line of a place in the buffer, not before the last that was asked for."""
        if position > self._counted:
            self._line += self._buffer.count(b"\n", self._counted, position)
            self._counted = position
        return self._line

    def _at_line_start(self, position: int) -> bool:
        """Whether a brace at the beginning of a line, within an object, begins a new one: the open one is then broken."""
        if not self._hard:
            self._again = self._again or (position, self._opened + self._buffer.count(b"\n", self._start, position))
            return False
        self._log.add_line(self._opened, message("the object that begins here does not end"))
        self._depth = 0
        self._start = position
        return True

    def _open(self, position: int) -> None:
        self._between(position)
        self._start, self._opened = position, self._line_at(position)

    def _give_up(self) -> None:
        """The open object ends nowhere: begin again behind it, once with the old rule, from then on with the hard one."""
        self._log.add_line(
            self._opened,
            message("the object that begins here does not end, or only after {most:,} bytes", most=self._longest),
        )
        self._depth = 0
        self._hard = True
        if self._again:
            self._position, self._line = self._again
            self._counted = self._position
        self._start, self._opened, self._again = self._position, self._line_at(self._position), None

    def _between(self, end: int) -> None:
        """Tells of text between objects that belongs to no JSON."""
        text = self._buffer[self._start : end]
        if not _BETWEEN.fullmatch(text):
            size = len(text.strip())
            self._log.add_line(self._opened, message("{size:,} bytes here are no JSON object", size=size))
