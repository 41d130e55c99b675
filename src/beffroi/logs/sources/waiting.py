"""Where strangers' messages wait until somebody accepts or rejects them: a file for each sender, bounded in every way.

A record is its length, its CRC-32 (both 32 bits, big-endian) and an Arrival in MessagePack. What `hold` returned from is on the
disk; what a crash left half written at the end of a file was never acknowledged and is cut off at the next start. A file is
removed only after all in it is in the journal, so a crash in between brings some of it twice and loses nothing.
"""

import errno
import os
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from beffroi.core.errors import StoreError
from beffroi.core.files import sync_folder
from beffroi.logs.arrival import Arrival, Busy

FOLDER: Final = "waiting"
SUFFIX: Final = ".held"
_HEAD: Final = struct.Struct(">II")
_ID: Final = re.compile(r"s-[0-9a-z]{1,40}")

FULL_RETRY: Final = 3600.0
"""Seconds after which a sender whose room is full may ask again: only a person can make room."""

LEAVING_RETRY: Final = 1.0
"""Seconds after which a sender that has just been accepted may ask again: then it is known."""


class Limits(NamedTuple):
    """How much may wait."""

    senders: int = 64
    bytes_each: int = 1 << 20
    bytes_all: int = 64 << 20


class WaitingRoom:
    """The open waiting room; it belongs to whoever holds the store's lock."""

    def __init__(self, folder: Path, limits: Limits, sizes: dict[str, int], cut: int) -> None:
        """Use `WaitingRoom.open`."""
        self._folder = folder
        self._limits = limits
        self._sizes = sizes
        self._leaving: set[str] = set()
        self._turn = threading.Lock()
        self.cut = cut
        """Bytes that were cut off when it was opened: half a record after a crash; more is a damaged disk."""

    @classmethod
    def open(cls, data_dir: Path, limits: Limits | None = None) -> Self:
        """Open the room; what is half written is cut off. Raises StoreError."""
        folder = data_dir / FOLDER
        sizes, cut = {}, 0
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            for path in folder.glob(f"s-*{SUFFIX}*"):
                if path.suffix != SUFFIX:  # a draft of `expire` that was killed
                    path.unlink()
                    continue
                sound, found = _sound(path), path.stat().st_size
                if sound < found:
                    os.truncate(path, sound)
                    cut += found - sound
                sizes[path.stem] = sound
        except OSError as error:
            raise StoreError(path=error.filename or folder, reason=error.strerror or str(error)) from error
        return cls(folder, limits if limits is not None else Limits(), sizes, cut)

    def hold(self, source_id: str, arrival: Arrival) -> None:
        """Keep what a stranger sent; it is on the disk when this returns. Raises Busy where its room, or the disk, is full."""
        body = msgspec.msgpack.encode(arrival)
        record = _HEAD.pack(len(body), zlib.crc32(body)) + body
        with self._turn:
            if (
                source_id in self._leaving
            ):  # somebody decides about it right now: what came after would be discarded unread
                raise Busy(LEAVING_RETRY)
            before = self._sizes.get(source_id)
            if (
                (before is None and len(self._sizes) >= self._limits.senders)
                or (before or 0) + len(record) > self._limits.bytes_each
                or sum(self._sizes.values()) + len(record) > self._limits.bytes_all
            ):
                raise Busy(FULL_RETRY)
            self._append(source_id, before, record)

    def held(self) -> dict[str, int]:
        """Bytes that wait, by source."""
        with self._turn:
            return dict(self._sizes)

    def release(self, source_id: str) -> Iterator[Arrival]:
        """What a sender's file holds, oldest first. It stays until `discard`: first have all of it in the journal. From now on
        and until then nothing more is held of this sender."""
        path = self._path(source_id)
        with self._turn:
            self._leaving.add(source_id)
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                content = b""
        return (msgspec.msgpack.decode(body, type=Arrival) for _, body in _records(content))

    def discard(self, source_id: str) -> None:
        """Remove what a sender sent: it was rejected, or all of it is in the journal."""
        with self._turn:
            self._path(source_id).unlink(missing_ok=True)
            sync_folder(self._folder)
            self._sizes.pop(source_id, None)
            self._leaving.discard(source_id)

    def expire(self, before: int) -> list[str]:
        """Remove what arrived before a moment (microseconds since 1970); the senders of whom nothing is left."""
        emptied = []
        for source_id in list(self.held()):
            with self._turn:
                path = self._path(source_id)
                content = path.read_bytes()
                kept = [
                    content[start : start + _HEAD.size + len(body)]
                    for start, body in _records(content)
                    if msgspec.msgpack.decode(body, type=Arrival).arrived >= before
                ]
                left = b"".join(kept)
                if not left:
                    path.unlink()
                    del self._sizes[source_id]
                    emptied.append(source_id)
                elif len(left) < len(content):
                    draft = path.with_name(f"{path.name}.draft")
                    with draft.open("wb") as file:  # a disk that was full may have left half of one
                        file.write(left)
                        file.flush()
                        os.fsync(file.fileno())
                    draft.chmod(0o600)
                    draft.replace(path)
                    self._sizes[source_id] = len(left)
                sync_folder(self._folder)
        return emptied

    def _append(self, source_id: str, before: int | None, record: bytes) -> None:
        """Write and sync; where the disk refuses, the file is again what it was."""
        path = self._path(source_id)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                written = 0
                while written < len(record):
                    written += os.write(handle, record[written:])
                os.fsync(handle)
            except OSError as error:
                os.ftruncate(handle, before or 0)
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise Busy(FULL_RETRY, full=True) from error
                raise
        finally:
            os.close(handle)
        if before is None:
            sync_folder(self._folder)
        self._sizes[source_id] = (before or 0) + len(record)

    def _path(self, source_id: str) -> Path:
        if _ID.fullmatch(source_id) is None:
            raise ValueError(f"no id of a source: {source_id!r}")
        return self._folder / f"{source_id}{SUFFIX}"


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(start, body) of each whole record, up to the first that is not."""
    start = 0
    while start + _HEAD.size <= len(content):
        length, check = _HEAD.unpack_from(content, start)
        body = content[start + _HEAD.size : start + _HEAD.size + length]
        if len(body) < length or zlib.crc32(body) != check or not length:
            return
        yield start, body
        start += _HEAD.size + length


def _sound(path: Path) -> int:
    """How many bytes from the start are whole records."""
    end = 0
    for start, body in _records(path.read_bytes()):
        end = start + _HEAD.size + len(body)
    return end
