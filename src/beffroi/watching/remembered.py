"""What is remembered from one arrival to the next, as bytes and back.

Compressed JSON (RFC 1951), a line each: all but the correlations' groups first, then a group a line. It is made and read piece by piece. As
one document it was fifteen megabytes of a busy house every half minute: on its way through two processes, and in the store.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from beffroi.detect.correlation import StateError
from beffroi.logs.formats.connections import Connection

PIECE: Final = 1 << 16
"""Bytes that are packed or unpacked at a time."""

LARGEST: Final = 512 << 20
"""Bytes that a state may unpack to: ten times what the correlations' limits allow."""

_ENCODER = msgspec.json.Encoder()


class Head(msgspec.Struct):
    """All but the correlations' groups."""

    correlations: dict[str, Any]
    connections: list[tuple[tuple[str, str, str], Connection]]


_HEAD = msgspec.json.Decoder(Head)
_GROUP = msgspec.json.Decoder(tuple[str, dict[str, Any]])


def packed(head: Head, groups: Iterable[tuple[str, dict[str, Any]]]) -> bytes:
    """The bytes that stand for it."""
    packer = zlib.compressobj(level=1, wbits=-15)
    parts, waiting = [], bytearray(_ENCODER.encode(head) + b"\n")
    for group in groups:
        waiting += _ENCODER.encode(group) + b"\n"
        if len(waiting) >= PIECE:
            parts.append(packer.compress(waiting))
            waiting.clear()
    return b"".join([*parts, packer.compress(waiting), packer.flush()])


def unpacked(data: bytes) -> tuple[Head, Iterator[tuple[str, dict[str, Any]]]]:
    """What the bytes stand for. Raises StateError where they are none of `packed`, also while the groups are read."""
    lines = _lines(data)
    try:
        head = _HEAD.decode(next(lines, b""))
    except msgspec.DecodeError as error:
        raise StateError(str(error)) from error
    return head, _groups(lines)


def _groups(lines: Iterator[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        yield from map(_GROUP.decode, lines)
    except msgspec.DecodeError as error:
        raise StateError(str(error)) from error


def _lines(data: bytes) -> Iterator[bytes]:
    unpacker, rest, left = zlib.decompressobj(wbits=-15), b"", LARGEST
    try:
        while not unpacker.eof:
            block = unpacker.decompress(data, PIECE)
            data, left = unpacker.unconsumed_tail, left - len(block)
            if left < 0 or not (block or data or unpacker.eof):
                raise StateError("it is cut off, or larger than any state")
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
    except zlib.error as error:
        raise StateError(str(error)) from error
    if rest:
        raise StateError("its last line is cut off")
