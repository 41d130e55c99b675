"""First aid: what can be known of the machine is looked at by the command itself, what can be known of the house by an Action."""

import os
import shutil
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509

from beffroi.core.config import Config
from beffroi.core.errors import StoreError
from beffroi.core.model import LogSource, Message, message
from beffroi.detect.logsources import applies, targets
from beffroi.logs.archive import index
from beffroi.logs.journal.writer import RESERVE_BYTES
from beffroi.logs.sources import certificates, upkeep
from beffroi.rules.repository import load
from beffroi.rules.update import folders
from beffroi.service import checks, machine
from beffroi.service.checks import Check
from beffroi.service.status import status
from beffroi.store import Store, findings, keys, ledger, settings
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.store.authorities import SERVER, Kind
from beffroi.watching.networks import is_loopback

if TYPE_CHECKING:
    from beffroi.service.receivers import Receiving
    from beffroi.service.running import Service

TOLD_ELSEWHERE: Final = ("source.new", "source.quiet", "source.certificate", "receiver.deaf", "network.unheard")
"""Kinds of findings that checks of their own tell, or that are nothing to be mended here."""


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
            checks.device(each.source_id, each.expires, upkeep.ending_of(each, now), each.name, now)
            for each in certificates.used(connection)
        ]
        found += [
            checks.finding(each.kind, each.id, each.severity, each.message)
            for each in findings.opened(connection)
            if each.kind not in TOLD_ELSEWHERE
        ]
    found += _own_certificates(store, now)
    if service is not None:
        ready = service.understanding.ready
        found.append(checks.rules(ready.rules if ready else None, len(ready.refused) if ready else 0))
        found.append(checks.lag(service.lag_seconds))
        read = service.config.journal
        found.append(checks.journal(read, machine.journal_trouble() if read else None))
    return found


def _own_certificates(store: Store, now: datetime) -> list[Check]:
    called = {SERVER: "server", **{kind.file: f"authority.{kind.name.lower()}" for kind in Kind}}
    found = []
    for file, name in called.items():
        pem = keys.read(store.data_dir / keys.FOLDER / file)
        if pem is not None:
            with suppress(ValueError):
                ends = x509.load_pem_x509_certificate(pem).not_valid_after_utc
                found.append(checks.certificate(f"certificate.{name}", ends, now))
    return found


def action(service: "Service | None") -> Action:
    """The Action `doctor`: the checks as plain data, who listens, and which configuration the service runs with."""

    def look(store: Store, _actor: Actor, _arguments: Nothing) -> dict[str, Any]:
        found = [each.to_plain() for each in house(store, service, datetime.now(UTC))]
        told: dict[str, Any] = {"running": service is not None, "receivers": [], "checks": found}
        if service is not None:
            file = service.config.file
            told["configuration"] = None if file is None else str(file.absolute())
            told["started"] = service.started
            told["receivers"] = [_listener(each) for each in (*service.receiving, *service.giving)]
        return told

    return Action("doctor", look, Nothing, Role.VIEWER, writes=False)


def _listener(each: "Receiving") -> dict[str, Any]:
    return {
        "name": each.name,
        "port": None if each.bound is None else each.bound.port,
        "local": each.bound is not None and is_loopback(each.bound.address),
        "trouble": None if each.trouble is None else each.trouble.to_plain(),
    }


def of_machine(config: Config, told: dict[str, Any]) -> list[Check]:
    """What the command can see of the machine; `told` is what the Action gave. As root it sees more."""
    root = os.geteuid() == 0
    found = list(checks.service(told["running"], *machine.unit()))
    file = None if config.file is None else str(config.file.absolute())
    changed = False
    if told["running"] and config.file is not None:
        with suppress(OSError):
            changed = config.file.stat().st_mtime > told["started"]
    running = told.get("configuration")
    found.append(checks.configuration(file, running, started=told["running"], changed=changed))
    for each in told["receivers"]:
        trouble = None if each["trouble"] is None else Message.from_plain(each["trouble"])
        listen = config.metrics if each["name"] == "metrics" else config.listen.get(each["name"])
        udp = each["name"].endswith("_udp")
        holder = machine.holder_of(listen.port, udp=udp) if trouble and listen else None
        found.append(checks.receiver(each["name"], each["port"], trouble, holder))
    reached = machine.listening(told["receivers"])
    if reached:
        found += checks.firewall(machine.firewall(reached), root=root, peer=machine.peer())
    found.append(checks.clock(machine.clock()))
    with suppress(OSError):
        found.append(checks.health(machine.health(config.data_dir), root=root))
    return found


def blind(config: Config, now: datetime) -> Check:
    """Rules that see nothing, by what arrived of late. The rules are loaded here and not in the service, whose memory stands alone."""
    ruleset = load(folders(config.rules_dir), cache_folder=config.cache_dir)
    since = (now - checks.LATELY).date().isoformat()
    try:
        parts = index.load(config.data_dir / "archive").parts
    except StoreError:
        parts = ()
    arrived = {part.logsource for part in parts if part.day >= since}
    kinds = Counter(str(rule.logsource) for rule in ruleset.rules if not _sees(rule.logsource, arrived))
    return checks.blind(dict(kinds) if arrived else None, len(ruleset.rules))


def _sees(wanted: LogSource, arrived: set[LogSource]) -> bool:
    """Whether a rule of a log source finds something to look at. Windows' channels stand in `service`, in small letters."""
    if any(applies(wanted, source) for source in arrived):
        return True
    channels = {source.service for source in arrived if source.product == "windows"}
    return any(
        bool(channels) if not target.channels else any(channel.lower() in channels for channel in target.channels)
        for target in targets(wanted) or ()
    )


def looked(config: Config, told: dict[str, Any], blind: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that was looked at, as plain data: what is wrong first."""
    found = [each.to_plain() for each in of_machine(config, told)] + [*told["checks"], blind]
    order = (checks.BAD, checks.WARNING, checks.UNKNOWN, checks.GOOD)
    return sorted(found, key=lambda each: order.index(each["state"]))
