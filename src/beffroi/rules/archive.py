"""An archive of rules from a stranger: fetched within limits, and unpacked into a fresh folder or refused whole.

Everything a member claims is checked before a byte of it is unpacked, and the bytes are counted as they come, because sizes in
a ZIP are only claims (PKWARE APPNOTE 6.3.10).
"""

import hashlib
import ipaddress
import os
import ssl
import stat
import struct
import time
import unicodedata
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import IO, Final
from urllib import request

from beffroi.core.errors import InputError, UsageError
from beffroi.core.model import Message, message
from beffroi.core.wording import printable

KEPT_SUFFIXES: Final = (".yml", ".yaml")
KEPT_NAMES: Final = ("license", "licence", "readme", "notice", "copying", "version")
"""Beside the rules only such texts are kept, with the ending .md, .txt or none."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive of rules may be; bytes, numbers, seconds. SigmaHQ's largest is a tenth of these."""

    archive: int = 64 << 20
    directory: int = 6 << 20
    members: int = 20_000
    member: int = 1 << 20
    total: int = 256 << 20
    ratio: int = 100
    depth: int = 16
    path: int = 240
    idle: float = 30.0
    whole: float = 600.0


def fetch(source: str | Path, into: Path, limits: ArchiveLimits) -> str:
    """Bring the archive into the file `into` and return its SHA-256 (hexadecimal). What is hashed is what is unpacked.

    Raises UsageError for an address that is not taken, InputError where the archive cannot be had or is too large.
    """
    address = str(source)
    if not isinstance(source, Path) and "://" in address:
        _refuse_address(address)
        answer = _open(address, limits)
        stated = answer.headers.get("Content-Length", "")
        size = int(stated) if stated.isascii() and stated.isdecimal() else None
        return _copied(answer, into, shown(address), limits, size)
    path = Path(source)
    try:
        if not path.is_file():
            raise InputError(
                path=path, reason=message("it is no file") if path.exists() else message("it is not there")
            )
        return _copied(path.open("rb"), into, str(path), limits)
    except PermissionError as error:
        raise InputError(path=path, reason=message("it may not be read")) from error


def shown(source: str | Path) -> str:
    """The source as people and the ledger see it: an address without the name, password or token it may carry."""
    address = str(source)
    if "://" not in address:
        return address
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def unpack(archive: Path, folder: Path, limits: ArchiveLimits, *, name: str) -> tuple[int, int]:
    """Unpack the rules into the existing, empty, private folder; (rule files kept, other members left out).

    Raises InputError where anything about the archive is not as an honest one is; the folder is then to be thrown away.
    """
    try:
        _check_directory(archive, limits, name)
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            kept = _kept(members, limits, name)
            if not any(path.suffix.lower() in KEPT_SUFFIXES for _, path in kept):
                raise InputError(path=name, reason=message("no rule (.yml) is in it"))
            room = limits.total
            for member, path in kept:
                room -= _write(
                    opened, member, folder / path, room=min(room, limits.member), name=f"{name}!{member.filename}"
                )
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError) as error:
        raise InputError(path=name, reason=message("it is no whole ZIP archive (cut off or damaged)")) from error
    except (NotImplementedError, RuntimeError) as error:
        raise InputError(path=name, reason=message("it is packed in a way that is not read here")) from error
    rules = sum(path.suffix.lower() in KEPT_SUFFIXES for _, path in kept)
    return rules, sum(not member.is_dir() for member in members) - len(kept)


# --- fetching ------------------------------------------------------------------------------------------------------


def _refuse_address(address: str) -> None:
    """Only https; http to this very machine too, for tests and a mirror behind a tunnel. Raises UsageError."""
    parts = urllib.parse.urlsplit(address)
    if not parts.hostname:
        raise UsageError("{address} is no address", address=shown(address))
    if parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(parts.hostname)):
        return
    raise UsageError(
        "Rules are fetched by https:// only, not by {scheme}:// (somebody on the way could change them)",
        scheme=parts.scheme,
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _SameSchemeRedirects(request.HTTPRedirectHandler):
    """Follows a redirection within the scheme it began with, a few times."""

    max_redirections = 5

    def redirect_request(  # its signature is urllib's
        self, req: request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme != req.type:
            raise InputError(
                path=shown(req.full_url),
                reason=message("it sends on to another kind of address ({address})", address=shown(newurl)),
            )
        _refuse_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(address: str, limits: ArchiveLimits) -> HTTPResponse:
    opener = request.OpenerDirector()  # not build_opener: it would add file://, ftp:// and data:
    for handler in (
        request.ProxyHandler({kind: proxy for kind, proxy in request.getproxies().items() if kind == "https"}),
        request.HTTPSHandler(context=ssl.create_default_context()),
        request.HTTPHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        _SameSchemeRedirects(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "beffroi"), ("Accept-Encoding", "identity")]
    try:
        answer = opener.open(address, timeout=limits.idle)
    except (OSError, ValueError, HTTPException) as error:  # URLError and HTTPError are OSErrors
        raise InputError(
            path=shown(address), reason=message("it cannot be fetched: {error}", error=_reason(error))
        ) from error
    if answer is None:
        raise InputError(path=shown(address), reason=message("it cannot be fetched"))
    found: HTTPResponse = answer
    return found


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None)
    return str(inner or getattr(error, "strerror", None) or error)


def _copied(stream: BufferedIOBase, into: Path, name: str, limits: ArchiveLimits, expected: int | None = None) -> str:
    """Copy the stream to the file within the limits; its SHA-256. `expected` is the size a server states."""
    digest, size = hashlib.sha256(), 0
    until = time.monotonic() + limits.whole
    with stream, into.open("xb") as file:
        while size != expected:
            try:
                block = stream.read1(1 << 16)  # whatever has come, so that a server cannot drip for ever
            except (OSError, ValueError, HTTPException) as error:
                raise InputError(
                    path=name,
                    reason=message("it stopped coming after {size} bytes: {error}", size=size, error=_reason(error)),
                ) from error
            if not block:
                break
            size += len(block)
            if size > limits.archive:
                raise InputError(path=name, reason=message("it is larger than {limit} MiB", limit=limits.archive >> 20))
            if time.monotonic() > until:
                raise InputError(
                    path=name, reason=message("it did not come within {limit:.0f} seconds", limit=limits.whole)
                )
            digest.update(block)
            file.write(block)
    if expected is not None and size != expected:
        raise InputError(
            path=name,
            reason=message("it stopped coming after {size} of {expected} bytes", size=size, expected=expected),
        )
    return digest.hexdigest()


# --- checking ------------------------------------------------------------------------------------------------------


def _check_directory(archive: Path, limits: ArchiveLimits, name: str) -> None:
    """Refuse a directory of members too large to be read into memory, before zipfile reads it. Honest archives of this size
    never need ZIP64, and a second set of sizes is a way to show two readers two archives."""
    with archive.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
    # As zipfile does: an ending without a comment goes first, else the last one found.
    at = len(tail) - 22 if tail[-22:-18] == b"PK\5\6" and tail[-2:] == b"\0\0" else tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile
    count, length, offset = struct.unpack_from("<HLL", tail, at + 10)
    if count == 0xFFFF or 0xFFFFFFFF in (length, offset) or tail[max(0, at - 20) : at].startswith(b"PK\6\7"):
        raise InputError(path=name, reason=message("it is a ZIP64 archive; archives of rules are small enough without"))
    if length > limits.directory or count > limits.members:
        raise InputError(path=name, reason=message("it has more than {limit} members", limit=limits.members))
    if offset + length > start + at:
        raise zipfile.BadZipFile


def _kept(
    members: list[zipfile.ZipInfo], limits: ArchiveLimits, name: str
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The members to unpack. One member that no honest archive has, kept or not, and the whole archive is refused."""
    if len(members) > limits.members:
        raise InputError(path=name, reason=message("it has more than {limit} members", limit=limits.members))
    kept: list[tuple[zipfile.ZipInfo, PurePosixPath]] = []
    files: dict[str, str] = {}
    folders: set[str] = set()
    for member in members:
        fault = _fault(member, limits)
        if fault:
            raise InputError(
                path=f"{name}!{printable(member.orig_filename[:100])}",
                reason=message("{fault}; nothing was taken", fault=fault),
            )
        path = PurePosixPath(member.filename)
        if member.is_dir() or not _wanted(path):
            continue
        key = _folded(path)
        if key in files:
            raise InputError(
                path=f"{name}!{member.filename}",
                reason=message("on some machines it is the same file as {other}; nothing was taken", other=files[key]),
            )
        files[key] = member.filename
        folders.update(_folded(parent) for parent in path.parents)
        kept.append((member, path))
    both = folders & files.keys()
    if both:
        raise InputError(
            path=f"{name}!{files[min(both)]}", reason=message("it is a file and a folder; nothing was taken")
        )
    return kept


def _folded(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFKC", str(path)).casefold()


def _wanted(path: PurePosixPath) -> bool:
    if any(part.startswith(".") for part in path.parts):
        return False  # .github and its like
    if path.suffix.lower() in KEPT_SUFFIXES:
        return True
    return path.stem.lower() in KEPT_NAMES and path.suffix.lower() in ("", ".md", ".txt")


def _fault(member: zipfile.ZipInfo, limits: ArchiveLimits) -> Message | None:
    """What no honest archive of rules has; None where the member is in order."""
    name = member.orig_filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return message("it is a link or a device")
    if member.flag_bits & 0x1:
        return message("it is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return message("it is packed in a way that is not read here")
    if name.startswith("/") or "\\" in name or ":" in name or any(not letter.isprintable() for letter in name):
        return message("its name is no plain path")
    if unicodedata.normalize("NFC", name) != name:
        return message("its name can be written in two ways")
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") or part != part.strip() or part.endswith(".") for part in parts):
        return message("its name leads out of its folder or ends oddly")
    if len(name) > limits.path or len(parts) > limits.depth or any(len(os.fsencode(part)) > 255 for part in parts):
        return message("its name is too long or too deep")
    if _wanted(PurePosixPath(name)):
        if member.file_size > limits.member:
            return message("it is larger than {limit} KiB", limit=limits.member >> 10)
        if member.file_size > (1 << 16) and member.file_size > limits.ratio * max(1, member.compress_size):
            return message("it is packed so tightly that it must be a trap")
    return None


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, *, room: int, name: str) -> int:
    """Unpack one member to a new file; how many bytes it was. The folders are ours and fresh, so no link can lie in them."""
    _make_folders(path.parent)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    size = 0
    with os.fdopen(handle, "wb") as file:
        for block in _blocks(opened, member):
            size += len(block)
            if size > room:
                raise InputError(path=name, reason=message("it unpacks to more than its limit; nothing was taken"))
            file.write(block)
    return size


def _make_folders(folder: Path) -> None:
    """Each folder on the way for its owner alone; `mkdir(parents=True)` would do so with the last one only."""
    if not folder.exists():
        _make_folders(folder.parent)
        folder.mkdir(mode=0o700)


def _blocks(opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with opened.open(member) as stream:
        while block := stream.read(1 << 16):
            yield block
