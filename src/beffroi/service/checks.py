"""What a doctor looks at, as pure functions: from what is known to a state, a sentence, and what to do."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from beffroi.core.model import Message, message

GOOD: Final = "good"
WARNING: Final = "warning"
BAD: Final = "bad"
UNKNOWN: Final = "unknown"

SOON: Final = timedelta(days=30)
"""A certificate that ends sooner is told."""
LATE: Final = 60.0  # seconds of lag with which something is wrong
SCARCE: Final = 0.1  # share of a disk that should be free


class Check(NamedTuple):
    """What was looked at, how it is, in a sentence, and what to do where something is to be done."""

    check: str
    state: str
    what: Message
    do: Message | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        do = None if self.do is None else self.do.to_plain()
        return {"check": self.check, "state": self.state, "what": self.what.to_plain(), "do": do}


def service(running: bool, enabled: str | None) -> Iterable[Check]:
    """`enabled` is what `systemctl is-enabled` says; None where there is no systemctl."""
    if running:
        yield Check("service", GOOD, message("the service runs"))
    else:
        yield Check(
            "service", BAD, message("the service does not run: nothing is received"),
            message("start it: `sudo systemctl start beffroi`, or `beffroi up` where it is not installed"),
        )  # fmt: skip
    if enabled == "enabled":
        yield Check("service.start", GOOD, message("it starts with the machine"))
    else:
        yield Check(
            "service.start", WARNING, message("it does not start with the machine"),
            message("make it a service: `sudo beffroi install`"),
        )  # fmt: skip


def receiver(name: str, port: int | None, trouble: Message | None, holder: str | None) -> Check:
    """Whether a receiver listens; `holder` is the program that has its port, where that is known."""
    if trouble is None and port is not None:
        return Check(f"port.{name}", GOOD, message("{receiver} listens on port {port}", receiver=name, port=port))
    do = message(
        "stop the program {program}, or give `listen.{receiver}` another port", program=holder or "?", receiver=name
    )
    if holder is None:
        do = message("free the port, or give `listen.{receiver}` another one in the configuration", receiver=name)
    return Check(f"port.{name}", BAD, trouble or message("{receiver} does not listen", receiver=name), do)


def clock(synchronised: bool | None) -> Check:
    """The machine's clock; None where the system does not say."""
    if synchronised is None:
        return Check("clock", UNKNOWN, message("whether the clock is right is not known here"))
    if synchronised:
        return Check("clock", GOOD, message("the clock is synchronised"))
    return Check(
        "clock", WARNING, message("the clock is not synchronised: times of events may be wrong"),
        message("switch it on: `sudo timedatectl set-ntp true`"),
    )  # fmt: skip


def disk(free: int, total: int, reserve: int, inodes_free: int, inodes: int) -> Iterable[Check]:
    """Bytes, and how many more files there may be (0 of 0: the file system does not count them)."""
    told = message("{free:,} MB of {total:,} MB are free", free=free // 1_000_000, total=total // 1_000_000)
    room = message("free some space, or keep events for fewer days")
    if free <= reserve:
        yield Check("disk", BAD, told, room)
    else:
        yield Check("disk", *((WARNING, told, room) if free < total * SCARCE else (GOOD, told)))
    if inodes:
        few = inodes_free < inodes * 0.02
        files = message("{count:,} more files can be made", count=inodes_free)
        yield Check("disk.inodes", BAD if few else GOOD, files, room if few else None)


def folder(path: str, mode: int, owner: int, wanted: int) -> Check:
    """The data folder: its rights, and whose it is."""
    if owner != wanted or mode & 0o077:
        return Check(
            "data", BAD, message("the data folder {path} is not its owner's alone", path=path),
            message("put it right: `sudo chmod 700 {path}`, and give it to the account of the service", path=path),
        )  # fmt: skip
    return Check("data", GOOD, message("the data folder is its owner's alone"))


def certificate(check: str, name: str, ends: datetime, now: datetime) -> Check:
    """A certificate by the moment at which it ends."""
    told = message("the certificate of {name} is good until {day}", name=name, day=ends.date().isoformat())
    if ends - now > SOON:
        return Check(check, GOOD, told)
    do = message("make a new one: `beffroi sources certificate`; Beffroi renews its own when it starts")
    if ends <= now:
        return Check(check, BAD, message("the certificate of {name} has ended", name=name), do)
    return Check(check, WARNING, told, do)


def sources(accepted: int, silent: int, new: int) -> Check:
    """Who is heard."""
    do = message("look at them: `beffroi sources list`")
    if not accepted:
        return Check("sources", WARNING, message("nobody sends anything yet"), do)
    told = message("{count:,} sources, {silent:,} silent, {new:,} new", count=accepted, silent=silent, new=new)
    return Check("sources", WARNING if silent or new else GOOD, told, do if silent or new else None)


def finding(kind: str, severity: str, told: Message) -> Check:
    """What the service found out itself is wrong."""
    bad = severity in ("high", "critical")
    return Check(f"finding.{kind}", BAD if bad else WARNING, told, message("`beffroi status` says what is known of it"))


def rules(loaded: int | None, refused: int) -> Check:
    """The rules that are at work."""
    do = message("look at them: `beffroi rules test`")
    if not loaded:
        return Check("rules", BAD, message("no rules are loaded: nothing is recognised"), do)
    told = message("{count:,} rules are loaded, {refused:,} refused", count=loaded, refused=refused)
    return Check("rules", WARNING if refused else GOOD, told, do if refused else None)


def lag(seconds: float) -> Check:
    """How far behind understanding is."""
    told = message("events are understood within {seconds} s", seconds=seconds)
    if seconds <= LATE:
        return Check("understanding", GOOD, told)
    return Check("understanding", BAD, told, message("wait; where it does not fall, start the service again"))


def store(said: Sequence[str]) -> Check:
    """What SQLite's `PRAGMA quick_check` says."""
    if list(said) == ["ok"]:
        return Check("store", GOOD, message("the store is whole"))
    return Check("store", BAD, message("the store is damaged"), message("stop the service and bring back a copy"))


def ledger(entries: int, faults: int) -> Check:
    """What the ledger's verification found."""
    if not faults:
        return Check("ledger", GOOD, message("the ledger is whole: {count:,} entries", count=entries))
    return Check(
        "ledger", BAD, message("the ledger was rewritten or damaged in {count:,} places", count=faults),
        message("`beffroi ledger verify` shows where; tell whoever answers for the house"),
    )  # fmt: skip


def archive(trouble: Message | None, days: int) -> Check:
    """`trouble` is why it cannot be read or written."""
    if trouble is None:
        return Check("archive", GOOD, message("the archive is readable; events are kept for {days} days", days=days))
    return Check("archive", BAD, trouble, message("look at the disk; put the archive's folder back from a copy"))


def signs(failed: Iterable[str]) -> Check:
    """The signs of life that were sent just now."""
    names = sorted(failed)
    if not names:
        return Check("selftest", GOOD, message("Beffroi's own sign of life came out of every receiver"))
    told = message("Beffroi's own sign of life did not come out of: {receivers}", receivers=", ".join(names))
    return Check("selftest", BAD, told, message("start the service again; then `beffroi doctor --selftest`"))
