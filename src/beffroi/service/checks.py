"""What a doctor looks at, as pure functions: from what is known to a state, a sentence, and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from beffroi.core.model import Message, message

GOOD: Final = "good"
WARNING: Final = "warning"
BAD: Final = "bad"
UNKNOWN: Final = "unknown"

SOON: Final = timedelta(days=60)
"""A certificate that ends sooner is told."""
LATELY: Final = timedelta(days=7)
"""A log source of which something arrived within these days is one that arrives."""
LATE: Final = 60.0  # seconds of lag with which something is wrong
SCARCE: Final = 0.1  # share of a disk that should be free


class Check(NamedTuple):
    """What was looked at, how it is, in a sentence for everybody, and what to do where something is to be done. `facts` are for whoever
    knows about computers."""

    check: str
    state: str
    what: Message
    do: Message | None = None
    facts: Message | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        said = {"what": self.what, "do": self.do, "facts": self.facts}
        return {
            "check": self.check,
            "state": self.state,
            **{key: each and each.to_plain() for key, each in said.items()},
        }


NAMES: Final = {
    "service": "Whether Beffroi runs.",
    "service.start": "Whether it starts with the machine.",
    "configuration": "Which configuration file is in force.",
    "port.NAME": "Whether a receiver, or `metrics`, listens; who has its port where it does not.",
    "firewall": "Whether this machine's own firewall lets the receivers' senders in. Only root may see its rules.",
    "firewall.NAME": "A receiver that the firewall keeps out, or lets in only under conditions.",
    "clock": "Whether the machine's clock is kept right.",
    "journal": "Whether Beffroi may read this machine's own journal.",
    "disk": "How much room is left for the data.",
    "disk.inodes": "How many more files there may be.",
    "disk.health": "Errors that the system counted, or that the disk tells of itself (SMART; only root may ask).",
    "data": "Whose the data folder is.",
    "sources": "Who is heard.",
    "store": "Whether the store is whole.",
    "ledger": "Whether the ledger is whole.",
    "archive": "Whether the archive can be read.",
    "certificate.server": "When the certificate that receivers show ends.",
    "certificate.authority.servers": "When the authority of the servers ends.",
    "certificate.authority.devices": "When the authority of the devices ends.",
    "certificate.device.ID": "When the certificate that a source shows ends.",
    "rules": "How many rules are at work.",
    "rules.blind": "Rules that can see nothing, because nobody sends what they look at.",
    "understanding": "How far behind understanding is.",
    "selftest": "Whether a sign of life came out of every receiver (with `--selftest`).",
    "finding.KIND.NUMBER": "What the service found out itself.",
}
"""Every check by its name, as `--json` calls it; docs/doctor.md is made from it."""


def service(running: bool, active: str | None, enabled: str | None) -> Iterable[Check]:
    """`active` and `enabled` are what `systemctl is-active` and `is-enabled` say; None where systemd does not run."""
    facts = None
    if active is not None:
        facts = message("systemd says: {active}, {enabled}", active=active, enabled=enabled or "?")
    if not running:
        yield Check(
            "service", BAD, message("Beffroi does not run: nothing is received"),
            message("start it: `sudo systemctl start beffroi`, or `beffroi up` where it is not installed"), facts,
        )  # fmt: skip
    elif active is None or active == "active":
        yield Check("service", GOOD, message("Beffroi runs"), None, facts)
    else:
        yield Check(
            "service", WARNING, message("Beffroi runs, but it ends when whoever started it signs out"),
            message("make it a service of the machine: `sudo beffroi install`"), facts,
        )  # fmt: skip
    if active is None:
        yield Check("service.start", UNKNOWN, message("whether Beffroi starts with the machine is not known here"))
    elif enabled == "enabled":
        yield Check("service.start", GOOD, message("Beffroi starts with the machine"), None, facts)
    else:
        yield Check(
            "service.start", WARNING, message("Beffroi does not start with the machine"),
            message("make it a service of the machine: `sudo beffroi install`"), facts,
        )  # fmt: skip


def configuration(file: str | None, running: str | None, *, started: bool, changed: bool) -> Check:
    """`file` is what this command read, `running` what the service (`started`) did; None: none was there. `changed`: since it began."""
    again = message("start the service again: `sudo systemctl restart beffroi`")
    if started and running != file:
        return Check(
            "configuration", WARNING, message("the service runs with another configuration than this command"), again,
            message("the service: {running}; this command: {file}", running=running or "-", file=file or "-"),
        )  # fmt: skip
    if started and changed:
        return Check(
            "configuration", WARNING, message("the configuration was changed and is not in force yet"), again,
            message("the file is {file}", file=file or "-"),
        )  # fmt: skip
    if file is None:
        return Check("configuration", GOOD, message("there is no configuration file: everything is as it comes"))
    return Check("configuration", GOOD, message("the configuration is {file}", file=file))


def receiver(name: str, port: int | None, trouble: Message | None, holder: str | None) -> Check:
    """Whether a receiver listens; `holder` is the program that has its port, where that is known."""
    if trouble is None and port is not None:
        return Check(f"port.{name}", GOOD, message("{receiver} listens on port {port}", receiver=name, port=port))
    if holder is None:
        do = message("free the port, or give `listen.{receiver}` another one in the configuration", receiver=name)
        facts = message("who has the port is not known; root may see it: `sudo beffroi doctor`")
    else:
        do = message(
            "stop the program {program}, or give `listen.{receiver}` another port", program=holder, receiver=name
        )
        facts = message("the port is held by {program}", program=holder)
    return Check(f"port.{name}", BAD, trouble or message("{receiver} does not listen", receiver=name), do, facts)


_ENDS: Final = {
    "open": message("it is let in"),
    "closed": message("it is turned away"),
    "depends": message("that depends on what cannot be worked out here"),
}


def firewall(ends: Mapping[str, tuple[str, int, str]] | None, *, root: bool, peer: str | None) -> Iterable[Check]:
    """`ends` are by receiver the protocol, the port and what becomes of a new packet from `peer` ("open", "closed", "depends");
    None where the rules are not known."""
    if ends is None:
        what = message("whether this machine's own firewall lets senders in is not known")
        do = message("look again as root: `sudo beffroi doctor`")
        yield Check("firewall", UNKNOWN, what, None if root else do)
        return
    for name, (protocol, port, end) in ends.items():
        facts = message(
            "a first packet from {peer} to {protocol} port {port}: {end}",
            peer=peer or "?", protocol=protocol, port=port, end=_ENDS[end],
        )  # fmt: skip
        do = message("let {protocol} port {port} in from the house's network", protocol=protocol, port=port)
        if end == "closed":
            what = message(
                "this machine's own firewall keeps {receiver} out: nothing sent there arrives", receiver=name
            )
            yield Check(f"firewall.{name}", BAD, what, do, facts)
        elif end == "depends":
            what = message("this machine's own firewall lets {receiver} in only under conditions", receiver=name)
            yield Check(f"firewall.{name}", UNKNOWN, what, None, facts)
    if all(end == "open" for _, _, end in ends.values()):
        yield Check("firewall", GOOD, message("this machine's own firewall lets senders in"))


class Clock(NamedTuple):
    """What the system says of its clock; None where it does not say."""

    synchronised: bool | None
    """The kernel: somebody keeps it right (adjtimex(2))."""
    wanted: bool | None = None
    """`timedatectl`: it is to be kept right by a time service."""
    error_us: int | None = None
    """The kernel's bound on the error, microseconds."""


def clock(said: Clock) -> Check:
    """The machine's clock."""
    facts = None
    if said.error_us is not None:
        facts = message(
            "the kernel says that it is off by {seconds:,} s at most", seconds=round(said.error_us / 1e6, 1)
        )
    if said.synchronised is None:
        return Check("clock", UNKNOWN, message("whether the clock is right is not known here"))
    if said.synchronised:
        return Check("clock", GOOD, message("the clock is kept right"), None, facts)
    if said.wanted:
        do = message("see whether the time server is reached: `timedatectl timesync-status`")
    elif said.wanted is None:
        do = message("install a time service: `sudo apt install systemd-timesyncd`")
    else:
        do = message("switch it on: `sudo timedatectl set-ntp true`")
    return Check("clock", WARNING, message("nobody keeps the clock right: times of events may be wrong"), do, facts)


def journal(read: bool, reason: str | None) -> Check:
    """The machine's own journal: whether it is to be read, and why it cannot be (None: it can)."""
    if not read:
        return Check("journal", GOOD, message("this machine's own journal is not read: so says the configuration"))
    if reason is None:
        return Check("journal", GOOD, message("this machine's own journal is read"))
    return Check(
        "journal", WARNING, message("this machine's own journal cannot be read: attacks on it are not seen"),
        message("make Beffroi a service (`sudo beffroi install`), or set `read.journal = false`"),
        message("journalctl says: {reason}", reason=reason),
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


class Health(NamedTuple):
    """What is known of the disk beneath the data."""

    read_only: bool = False
    errors: int | None = None
    """Errors that the file system counted since it was made; None: it does not count."""
    degraded: bool = False
    """A disk of an array is missing (md)."""
    failing: bool | None = None
    """The disk says of itself that it fails (SMART); None: it was not asked."""


def health(disk: Health, *, root: bool) -> Check:
    """The disk's health."""
    facts = message(
        "errors counted by the file system: {errors}; SMART: {smart}",
        errors="?" if disk.errors is None else disk.errors,
        smart={None: "?", True: "FAILED", False: "PASSED"}[disk.failing],
    )
    replace = message("have the disk replaced soon, and make sure that a copy of the data is elsewhere")
    if disk.read_only:
        what = message("the disk takes nothing any more: it is mounted read-only")
        return Check("disk.health", BAD, what, message("look at what `journalctl -k` says of it"), facts)
    if disk.failing or disk.degraded:
        return Check("disk.health", BAD, message("a disk fails"), replace, facts)
    if disk.errors:
        return Check("disk.health", WARNING, message("the disk made errors before"), replace, facts)
    if disk.errors is None and disk.failing is None:
        do = message("look again as root: `sudo beffroi doctor`")
        return Check(
            "disk.health", UNKNOWN, message("whether the disk is healthy is not known"), None if root else do, facts
        )
    return Check("disk.health", GOOD, message("no error of the disk is known"), None, facts)


def certificate(check: str, ends: datetime, now: datetime) -> Check:
    """A certificate of the house's own, which it renews itself; only an authority's end asks for somebody."""
    day = ends.date().isoformat()
    server = check == "certificate.server"
    told = (
        message("the certificate that receivers show is good until {day}", day=day)
        if server
        else message("the authority that certifies the house's servers is good until {day}", day=day)
        if check.endswith(".servers")
        else message("the authority that certifies the house's devices is good until {day}", day=day)
    )
    if ends - now > SOON:
        return Check(check, GOOD, told)
    if server:
        return Check(check, BAD if ends <= now else WARNING, told, message("start Beffroi: it renews it by itself"))
    return Check(check, BAD if ends <= now else WARNING, told, message("have every device certified anew by then"))


def device(source_id: str, ends: datetime, told: Message, name: str, now: datetime) -> Check:
    """The certificate that a source shows; `told` is what is to be said and done when it ends soon."""
    check = f"certificate.device.{source_id}"
    if ends - now > SOON:
        day = ends.date().isoformat()
        return Check(check, GOOD, message("the certificate of {name} is good until {day}", name=name, day=day))
    do = message("`beffroi sources certificate {id} --renew --out FOLDER`", id=source_id)
    return Check(check, BAD if ends <= now else WARNING, told, do)


def sources(accepted: int, silent: int, new: int) -> Check:
    """Who is heard."""
    do = message("look at them: `beffroi sources list`")
    if not accepted:
        return Check("sources", WARNING, message("nobody sends anything yet"), do)
    told = message("{count:,} sources, {silent:,} silent, {new:,} new", count=accepted, silent=silent, new=new)
    return Check("sources", WARNING if silent or new else GOOD, told, do if silent or new else None)


def finding(kind: str, number: int, severity: str, told: Message) -> Check:
    """What the service found out itself is wrong."""
    bad = severity in ("high", "critical")
    return Check(
        f"finding.{kind}.{number}", BAD if bad else WARNING, told, message("`beffroi status` says what is known of it")
    )


def rules(loaded: int | None, refused: int) -> Check:
    """The rules that are at work."""
    do = message("look at them: `beffroi rules test`")
    if not loaded:
        return Check("rules", BAD, message("no rules are loaded: nothing is recognised"), do)
    told = message("{count:,} rules are loaded, {refused:,} refused", count=loaded, refused=refused)
    return Check("rules", WARNING if refused else GOOD, told, do if refused else None)


def blind(kinds: Mapping[str, int] | None, total: int) -> Check:
    """`kinds` are the log sources that nobody sent of late, with how many rules look at each; None: nothing came to tell by."""
    if kinds is None:
        return Check("rules.blind", UNKNOWN, message("what the rules can see is known once events have come"))
    count = sum(kinds.values())
    if not count:
        return Check("rules.blind", GOOD, message("every rule sees what it looks at"))
    most = sorted(kinds, key=lambda kind: (-kinds[kind], kind))
    shown = ", ".join(f"{kind} ({kinds[kind]})" for kind in most[:8]) + (", …" if len(most) > 8 else "")
    return Check(
        "rules.blind", WARNING,
        message("{count:,} of {total:,} rules see nothing: nobody sends what they look at", count=count, total=total),
        message("have more machines send their logs: `beffroi sources list` shows who does"),
        message("no events of the last {days} days for: {kinds}", days=LATELY.days, kinds=shown),
    )  # fmt: skip


def lag(seconds: float) -> Check:
    """How far behind understanding is."""
    told = message("events are understood within {seconds:,} s", seconds=seconds)
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
