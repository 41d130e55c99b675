"""Where a syslog message ends in a stream of bytes: RFC 6587, both of its ways, told apart by themselves.

Octet counting (3.4.1, and RFC 5425 over TLS) puts the length before each message; non-transparent framing (3.4.2) puts a
trailer after it: LF, NUL or CR LF. A sender may mix them, message by message.
"""

import re
from typing import Final

COUNT: Final = re.compile(rb"([1-9][0-9]{0,8}) ")
"""MSG-LEN and SP."""
PARTIAL_COUNT: Final = re.compile(rb"[1-9][0-9]{0,8} ?\Z")
"""What may become one with the next bytes."""
COUNT_AFTER_LINE: Final = re.compile(rb"\n[1-9][0-9]{0,8} <")
COUNT_AFTER_TRAILER: Final = re.compile(rb"[\n\0][1-9][0-9]{0,8} <")
"""The same after either; several times slower to look for, as it begins with a choice."""
LINE_END: Final = re.compile(rb"\r?[\n\0]|\r\Z")
TRAILER: Final = re.compile(rb"[\n\0]")
TRAILERS: Final = b"\n\r\0"


class Framing:
    """The framing of one connection: `feed` bytes as they come, get whole messages, without their framing.

    A message of more than `longest` bytes is cut there, and counted in `cut`. Empty ones are no messages.
    """

    def __init__(self, longest: int) -> None:
        self.cut = 0
        self._longest = longest
        self._rest = b""
        self._counted: bool | None = None  # whether the last message was; None: there was none
        self._drop = 0  # bytes of a counted message still to be thrown away
        self._overlong = False  # a line is being thrown away up to its trailer
        # What is looked for once for all the bytes at hand, lest forged counts make it be looked for again at each.
        self._has_nul = False
        self._next_line = -1

    @property
    def half(self) -> bool:
        """A message has begun and not ended."""
        return bool(self._rest or self._drop or self._overlong)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete."""
        if self._rest:
            data = self._rest + data
        found: list[bytes] = []
        at, end = 0, len(data)
        self._has_nul = b"\0" in data
        self._next_line = -1
        while at < end:
            if self._drop:
                dropped = min(self._drop, end - at)
                self._drop -= dropped
                at += dropped
            elif self._overlong:
                trailer = TRAILER.search(data, at)
                self._overlong = trailer is None
                at = end if trailer is None else trailer.end()
            elif data[at] in TRAILERS:
                at += 1
            elif (count := self._count(data, at)) is None:
                at, whole = self._lines(data, at, found)
                if not whole:
                    break
            elif not count:
                break
            else:
                start, length = count
                kept = min(length, self._longest)
                if end - start < kept:
                    break
                at = start + kept
                self._counted = True
                message = data[start:at]
                if length > kept:
                    self.cut += 1
                    self._drop = length - kept
                elif message[-1] in TRAILERS:
                    message = message.rstrip(TRAILERS)
                if message:
                    found.append(message)
        self._rest = data[at:]
        return found

    def end(self) -> list[bytes]:
        """What is left when the connection ends: its last message may have no trailer, or have been broken off."""
        rest, self._rest = self._rest, b""
        if self._counted is False:  # maybe lines, held back by what might have been a count
            return [line for line in LINE_END.split(rest) if line]
        if (count := COUNT.match(rest)) is not None:
            rest = rest[count.end() :]
            self.cut += bool(rest)
        rest = rest.rstrip(TRAILERS)
        return [rest] if rest else []

    def _count(self, data: bytes, at: int) -> tuple[int, int] | tuple[()] | None:
        """(start, length) of a counted message at this place; () if more bytes must tell; None: it is a line.

        After a counted message a number and a blank is a count. Before any, `<` must follow: "10 packets dropped" is a line.
        After a line no other line may begin within, and a frame or nothing must follow, lest a forged line swallows those after it.
        """
        count = COUNT.match(data, at)
        if count is None:
            return () if PARTIAL_COUNT.match(data, at) else None
        start, length = count.end(), int(count[1])
        if self._counted:
            return start, length
        if start == len(data):
            return ()
        if data[start] != ord("<"):
            return None
        if self._counted is None:
            return start, length
        after = start + length
        if self._next_line < start:
            found = [data.find(b"\n<", start), data.find(b"\0<", start) if self._has_nul else -1]
            self._next_line = min((at for at in found if at >= 0), default=len(data))
        if length > self._longest or self._next_line + 1 < min(after, len(data)):
            return None
        if after > len(data):
            return ()
        return (start, length) if data[after : after + 1] in (b"", b"<", *_DIGITS, b"\n", b"\r", b"\0") else None

    def _lines(self, data: bytes, at: int, found: list[bytes]) -> tuple[int, bool]:
        """Take the lines from this place up to the next counted message. Where it came to, and whether nothing is left over."""
        counted = (COUNT_AFTER_TRAILER if self._has_nul else COUNT_AFTER_LINE).search(data, at)
        stop = counted.start() + 1 if counted else len(data)
        text = data[at:stop]
        if b"\0" in text:
            text = text.replace(b"\0", b"\n")
        *whole, rest = text.split(b"\n")
        if b"\r\n" in text:
            whole = [line.removesuffix(b"\r") for line in whole]
        if whole:
            self._counted = False
        if len(rest) > self._longest:
            whole.append(rest)
            self._overlong = True
            rest = b""
        if len(text) > self._longest and max(map(len, whole), default=0) > self._longest:
            self.cut += sum(len(line) > self._longest for line in whole)
            whole = [line[: self._longest] for line in whole]
        found.extend(filter(None, whole))
        return stop - len(rest), not rest


_DIGITS: Final = tuple(b"%d" % digit for digit in range(1, 10))
