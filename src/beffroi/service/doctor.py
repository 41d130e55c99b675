"""First aid: what can be known of the machine is looked at by the command itself, what can be known of the house by an Action."""

import ctypes
import os
import shutil
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509

from beffroi.core.config import Config
from beffroi.core.errors import StoreError
from beffroi.core.model import Message, message
from beffroi.logs.archive import index
from beffroi.logs.journal.writer import RESERVE_BYTES
from beffroi.logs.sources import records
from beffroi.service import checks, installing
from beffroi.service.checks import Check
from beffroi.service.status import status
from beffroi.store import Store, findings, keys, ledger, settings
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.store.authorities import SERVER, Kind

if TYPE_CHECKING:
    from beffroi.service.running import Service

TOLD_ELSEWHERE: Final = ("source.new", "source.quiet", "receiver.deaf", "network.unheard")
"""Kinds of findings that checks of their own tell, or that are nothing to be mended here."""
STATUS: Final = 40  # where `status` stands in struct timex on 64 bits (adjtimex(2))
UNSYNCHRONISED: Final = 0x40  # STA_UNSYNC


def house(store: Store, service: "Service | None", now: datetime) -> list[Check]:
    """What can be known from the store, the keys and the running service."""
    told = status(store, service, now)
    found: list[Check] = []
    usage, files = shutil.disk_usage(store.data_dir), os.statvfs(store.data_dir)
    found += checks.disk(usage.free, usage.total, RESERVE_BYTES, files.f_favail, files.f_files)
    state = store.data_dir.stat()
    found.append(checks.folder(str(store.data_dir), state.st_mode & 0o777, state.st_uid, os.geteuid()))
    found.append(checks.sources(told["sources"], told["sources_silent"], told["sources_waiting"]))
    trouble: Message | None = None if service is None else service.archive_trouble
    with suppress(FileNotFoundError):
        try:
            index.load(store.data_dir / "archive")
        except StoreError as error:
            trouble = message("the archive cannot be read: {error}", error=str(error))
    with store.read() as connection:
        found.append(checks.store(connection.exec_driver_sql("PRAGMA quick_check(5)").scalars().all()))
        verified = ledger.verify(connection)
        found.append(checks.ledger(verified.entries, len(verified.faults)))
        found.append(checks.archive(trouble, settings.get(connection, "archive.days")))
        found += [
            checks.certificate("certificate.device", each.id, datetime.fromisoformat(each.expires), now)
            for each in records.listed(connection, now)
            if each.expires is not None
        ]
        found += [
            checks.finding(each.kind, each.severity, each.message)
            for each in findings.opened(connection)
            if each.kind not in TOLD_ELSEWHERE
        ]
    for file in (SERVER, *(kind.file for kind in Kind)):
        pem = keys.read(store.data_dir / keys.FOLDER / file)
        if pem is not None:
            with suppress(ValueError):
                ends = x509.load_pem_x509_certificate(pem).not_valid_after_utc
                found.append(checks.certificate("certificate", file.removesuffix(".pem"), ends, now))
    if service is not None:
        ready = service.understanding.ready
        found.append(checks.rules(ready.rules if ready else None, len(ready.refused) if ready else 0))
        found.append(checks.lag(service.lag_seconds))
    return found


def action(service: "Service | None") -> Action:
    """The Action `doctor`: the checks as plain data, and what the receivers say."""

    def look(store: Store, _actor: Actor, _arguments: Nothing) -> dict[str, Any]:
        told = status(store, service, datetime.now(UTC))
        found = [each.to_plain() for each in house(store, service, datetime.now(UTC))]
        return {"running": told["running"], "receivers": told["receivers"], "checks": found}

    return Action("doctor", look, Nothing, Role.VIEWER, writes=False)


def machine(config: Config, told: dict[str, Any]) -> list[Check]:
    """What the command can see of the machine; `told` is what the Action gave. As root it sees more."""
    found = list(checks.service(told["running"], enabled()))
    for each in told["receivers"]:
        trouble = None if each["trouble"] is None else Message.from_plain(each["trouble"])
        listen = config.listen.get(each["name"])
        holder = holder_of(listen.port, udp=each["name"] == "syslog_udp") if trouble and listen else None
        found.append(checks.receiver(each["name"], each["port"], trouble, holder))
    found.append(checks.clock(synchronised()))
    return found


def enabled() -> str | None:
    """What systemd says of whether the service starts with the machine; None where there is no systemd to ask."""
    program = shutil.which("systemctl")
    if program is None:
        return None
    try:
        asked = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            [program, "is-enabled", installing.UNIT], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None


def synchronised() -> bool | None:
    """Whether the kernel's clock is kept right (adjtimex(2), only read); None where it may not be asked."""
    state = ctypes.create_string_buffer(512)  # all zero: modes 0 changes nothing
    try:
        if ctypes.CDLL(None).adjtimex(state) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return not int.from_bytes(state.raw[STATUS : STATUS + 4], "little") & UNSYNCHRONISED


def holder_of(port: int, *, udp: bool = False, proc: Path = Path("/proc")) -> str | None:
    """The name of the program that has a port; None where nobody has it or it may not be seen (proc(5))."""
    inodes = set()
    for table in ("udp", "udp6") if udp else ("tcp", "tcp6"):
        with suppress(OSError, ValueError, IndexError):
            for line in (proc / "net" / table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and (udp or fields[3] == "0A"):  # 0A: listening
                    inodes.add(f"socket:[{fields[9]}]")
    for process in proc.glob("[0-9]*") if inodes else ():
        with suppress(OSError):
            for handle in (process / "fd").iterdir():
                with suppress(OSError):
                    if str(handle.readlink()) in inodes:
                        return (process / "comm").read_text("utf-8", "replace").strip()
    return None
