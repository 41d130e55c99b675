"""How the house is, on one screen: as an Action of the running service, and without one from what the store holds."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, func, select

from beffroi import __version__
from beffroi.core.model import SourceState
from beffroi.logs.sources import records
from beffroi.service import logs
from beffroi.store import Store, findings, tables
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.store.findings import Finding
from beffroi.store.times import stamp

if TYPE_CHECKING:
    from beffroi.service.running import Service

CALM: Final = "calm"
TODO: Final = "todo"
ALARM: Final = "alarm"
BLIND: Final = "blind"

COMPLAINTS: Final = 10
"""Of each receiver, so many of the last things that senders did wrong."""

BLINDING: Final = ("house.trouble", "source.quiet", "receiver.deaf", "receiver.selftest")
"""Findings with which something is not seen: then nothing is called calm."""


def status(store: Store, service: "Service | None", now: datetime) -> dict[str, Any]:
    """What `beffroi status --json` prints. Without a service nothing is received, so the house is blind."""
    with store.read() as connection:
        listed = records.listed(connection, now)
        open_ = findings.opened(connection)
        recent = _matches(connection, now - timedelta(hours=24))
    if service is not None:
        open_ += _untold(service, open_, now)
    accepted = [each for each in listed if each.state in (SourceState.ACCEPTED, SourceState.SILENT)]
    heard = [each for each in accepted if each.last_arrival is not None and each.proof != "local"]
    blind = service is None or not heard or any(each.kind in BLINDING for each in open_)
    alarm = recent.get("critical", 0) + recent.get("high", 0) > 0
    waiting = sum(each.state == SourceState.NEW for each in listed)
    return {
        "state": ALARM if alarm else BLIND if blind else TODO if open_ or waiting else CALM,
        "running": service is not None,
        "version": __version__,
        "events_per_second": 0.0 if service is None else round(service.events_per_second, 1),
        "events_24h": sum(each.events_24h for each in listed),
        "journal_lag_s": None if service is None else service.lag_seconds,
        "sources": len(accepted),
        "heard": len(heard),
        "sources_silent": sum(each.state == SourceState.SILENT for each in listed),
        "sources_waiting": waiting,
        "matches_24h": sum(recent.values()),
        "matches_by_level": recent,
        "uncounted": {} if service is None else dict(service.understanding.uncounted),
        "findings": [{**each._asdict(), "message": each.message.to_plain()} for each in open_],
        "disk_free_bytes": shutil.disk_usage(store.data_dir).free,
        "receivers": [] if service is None else _receivers(service),
        "rules": None if service is None or service.understanding.ready is None else service.understanding.ready.rules,
    }


def actions(service: "Service | None") -> tuple[Action, ...]:
    """What a service offers beside what the rooms do."""

    def told(store: Store, _actor: Actor, _arguments: Nothing) -> dict[str, Any]:
        return status(store, service, datetime.now(UTC))

    def log(_store: Store, _actor: Actor, _arguments: Nothing) -> list[str]:
        """The newest lines that this process logged."""
        return list(logs.kept.lines)

    offered = [
        Action("status", told, Nothing, Role.VIEWER, writes=False),
        Action("log", log, Nothing, Role.PROVIDER, writes=False),
    ]
    if service is not None:
        loop = asyncio.get_running_loop()

        def selftest(_store: Store, _actor: Actor, _arguments: Nothing) -> dict[str, str]:
            """Send a sign of life through every receiver now; those where it failed, with the reason."""
            return asyncio.run_coroutine_threadsafe(service.selftest(), loop).result()

        offered.append(Action("selftest", selftest, Nothing, Role.PROVIDER, writes=True))
    return tuple(offered)


def _untold(service: "Service", told: list[Finding], now: datetime) -> list[Finding]:
    """What the service knows to be wrong and the store has not been told yet, or cannot be told: it is locked, or its disk full."""
    known = {(each.kind, each.subject) for each in told}
    return [
        Finding(0, kind, subject, severity, said, stamp(now), stamp(now), None)
        for kind, troubles in service.troubles().items()
        for subject, (severity, said) in troubles.items()
        if (kind, subject) not in known
    ]


def _matches(connection: Connection, since: datetime) -> dict[str, int]:
    """How many matches of each level were noted since a moment, without recordings and what is normal."""
    query = (
        select(tables.matches.c.level, func.count())
        .where(
            tables.matches.c.noted >= stamp(since, "microseconds"),
            tables.matches.c.historic == 0,
            tables.matches.c.hidden_by.is_(None),
        )
        .group_by(tables.matches.c.level)
    )
    return {level: int(count) for level, count in connection.execute(query)}


def _receivers(service: "Service") -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "port": None if each.bound is None else each.bound.port,
            "tls": each.tls,
            "trouble": None if each.trouble is None else each.trouble.to_plain(),
            "counts": each.counts(),
            "complaints": [
                {"address": address, "message": what.to_plain(), "times": times}
                for address, what, times in each.complaints()[-COMPLAINTS:]
            ],
        }
        for each in service.receiving
    ]
