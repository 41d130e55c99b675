"""One incident as a zip of evidence: what the house knows of it, a manifest of hashes, the house's signature over the manifest.

Whoever is given it checks it with openssl and sha256sum alone. Names in the zip are ours and fixed; the same content at the same
moment gives the same bytes. All of it is bounded, and what did not fit is counted in the manifest and said in the text.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any, Final, NamedTuple

import msgspec
import orjson
from sqlalchemy import Connection, Row, func, select

from beffroi import __version__
from beffroi.core.wording import Words, moment, number, printable, words
from beffroi.incidents import records, showing
from beffroi.incidents.telling import told, worded
from beffroi.store import ledger, settings
from beffroi.store.housekey import HouseKey
from beffroi.store.tables import ledger as ledger_table
from beffroi.store.tables import matches, strands
from beffroi.store.times import stamp

FORM: Final = 1
"""The form of a manifest; counted up when it changes."""
MATCHES: Final = 10_000
"""Matches that are told one by one: the newest."""
MATCH_BYTES: Final = 8 << 20
"""Bytes that they are told in."""
EVENTS: Final = 10_000
"""Raw events that are looked for: the newest."""
EVENT_BYTES: Final = 16 << 20
"""Bytes that they are given in."""
COLUMNS: Final = 90  # of the text for people

_PLACE: Final = re.compile(r"(\d{1,18})\x1f(\d{1,9})", re.ASCII)


class Wanted(NamedTuple):
    """The raw events behind an incident: where they lie in the journal (position, place), and the times (microseconds since 1970) of
    those that a correlation names by time alone."""

    places: frozenset[tuple[int, int]]
    times: frozenset[int]


class Behind(NamedTuple):
    """The raw events that were found, as lines of JSON in their order. `left_out` and maybe more did not fit."""

    lines: list[bytes]
    left_out: int = 0
    unread: int = 0
    """Parts of the archive or the journal that could not be looked through."""


class Known(NamedTuple):
    """What the store knows of an incident."""

    whole: dict[str, Any]
    matches: list[bytes]
    """The newest, as lines of JSON, oldest first."""
    kept: int
    """Matches that are still kept."""
    wanted: Wanted
    ledger: list[bytes]
    head: tuple[int, str]
    language: str


class Made(NamedTuple):
    """By whom, where and when evidence is made; `zone` is that of the times in its text."""

    house: str
    by: str
    at: datetime
    zone: str


class Evidence(NamedTuple):
    """The zip; its manifest, and the hexadecimal SHA-256 of that as it stands in the zip."""

    content: bytes
    manifest: dict[str, Any]
    digest: str


def known(connection: Connection, row: Row[Any], now: datetime) -> Known:
    """All that is told of an incident, in one look at the store."""
    whole = showing.whole(connection, row, now)
    del whole["evidence"]  # these are the matches
    kept = select(func.count()).select_from(matches).join(strands, strands.c.id == matches.c.strand_id)
    lines, wanted = _matches(connection, row.id)
    return Known(
        whole=whole,
        matches=lines,
        kept=connection.scalar(kept.where(strands.c.incident_id == row.id)) or 0,
        wanted=wanted,
        ledger=list(_entries(connection, row.id)),
        head=ledger.head(connection),
        language=settings.get(connection, "house.language"),
    )


def _matches(connection: Connection, incident: int) -> tuple[list[bytes], Wanted]:
    """The newest matches as lines, oldest first, as many as fit; and where the events lie that they came from."""
    happened = func.coalesce(matches.c.time, matches.c.noted)
    newest = (
        select(matches.c.id)
        .join(strands, strands.c.id == matches.c.strand_id)
        .where(strands.c.incident_id == incident)
        .order_by(happened.desc(), matches.c.id.desc())
        .limit(MATCHES)
    )
    lines: list[bytes] = []
    places: set[tuple[int, int]] = set()
    named: dict[str, int] = {}
    size = 0
    for some in records.portions(list(connection.scalars(newest))):
        rows = {row.id: row for row in connection.execute(select(matches).where(matches.c.id.in_(some)))}
        for row in (rows[each] for each in some):
            line = orjson.dumps(
                {**showing.match(row), "noted": row.noted, "position": row.position, "place": row.place}
            )
            size += len(line) + 1
            if size > MATCH_BYTES:
                return lines[::-1], _wanted(connection, places, named)
            lines.append(line + b"\n")
            if row.place >= 0:
                places.add((row.position, row.place))
            for _, time, identity in msgspec.json.decode(row.events or "[]"):
                if len(named) < EVENTS:
                    named[identity] = time
    return lines[::-1], _wanted(connection, places, named)


def _wanted(connection: Connection, places: set[tuple[int, int]], named: dict[str, int]) -> Wanted:
    """Where events lie that matches name. A correlation knows its events by where they lie, or by what their source calls them: then
    another rule's match says where that is, or only its time is known."""
    times: set[int] = set()
    unknown: list[str] = []
    for identity in named:
        place = _PLACE.fullmatch(identity)
        if place is not None:
            places.add((int(place[1]), int(place[2])))
        else:
            unknown.append(identity)
    for some in records.portions(unknown):
        query = select(matches.c.identity, matches.c.position, matches.c.place)
        lie = {
            row.identity: (row.position, row.place)
            for row in connection.execute(query.where(matches.c.identity.in_(some)))
        }
        places.update(lie.values())
        times.update(named[each] for each in some if each not in lie)
    return Wanted(frozenset(places), frozenset(times))


def _entries(connection: Connection, incident: int) -> Iterator[bytes]:
    """The ledger's entries about an incident as lines: each as a person reads it, and as it was hashed."""
    for entry in showing.acts(connection, incident):
        body = connection.scalar(select(ledger_table.c.body).where(ledger_table.c.seq == entry.seq))
        plain = {
            "seq": entry.seq,
            "time": entry.time,
            "actor": entry.actor,
            "action": entry.action,
            "details": entry.details,
        }
        yield orjson.dumps({**plain, "hash": entry.hash, "body": body}) + b"\n"


def made(incident: Known, behind: Behind, key: HouseKey, by: Made) -> Evidence:
    """The evidence, signed. Pure: the same gives the same bytes."""
    counts = {
        "matches": {"seen": incident.whole["matches"], "kept": incident.kept, "here": len(incident.matches)},
        "events": {
            "asked": len(incident.wanted.places) + len(incident.wanted.times), "here": len(behind.lines),
            "left_out": behind.left_out, "unread": behind.unread,
        },
    }  # fmt: skip
    say, english = words(incident.language), words("en")
    readme, story = ("LISEZMOI.txt", "recit.txt") if incident.language == "fr" else ("README.txt", "story.txt")
    files = {
        readme: _text(_explained(incident, counts, key, by, say)),
        story: _text(told(incident.whole, say, by.zone, incident.language)),
        "incident.json": orjson.dumps(worded(incident.whole, english, "en"), option=orjson.OPT_INDENT_2) + b"\n",
        "matches.jsonl": b"".join(incident.matches),
        "events.jsonl": b"".join(behind.lines),
        "ledger.jsonl": b"".join(incident.ledger),
        "house.pem": key.public_pem,
    }
    manifest = {
        "form": FORM,
        "incident": incident.whole["id"],
        "house": by.house,
        "key": key.fingerprint,
        "version": __version__,
        "made": stamp(by.at),
        "by": by.by,
        "ledger": {"seq": incident.head[0], "hash": incident.head[1]},
        "counts": counts,
        "files": [
            {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in files.items()
        ],
    }
    listed = ledger.canonical(manifest).encode()
    members = {**files, "manifest.json": listed, "manifest.sig": key.sign(listed)}
    return Evidence(_zipped(members, by.at), manifest, hashlib.sha256(listed).hexdigest())


def _zipped(members: dict[str, bytes], at: datetime) -> bytes:
    when = at.astimezone(UTC)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as bundle:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (when.year, when.month, when.day, when.hour, when.minute, when.second))
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100600 << 16
            bundle.writestr(info, content)
    return out.getvalue()


def _text(lines: Iterable[str]) -> bytes:
    """Lines as a file that harms no terminal."""
    return "".join(f"{printable(line)}\n" for line in lines).encode()


SIGNATURE: Final = "openssl pkeyutl -verify -pubin -inkey house.pem -rawin -in manifest.json -sigfile manifest.sig"
HASHES: Final = (
    """grep -o '"name":"[^"]*","sha256":"[0-9a-f]*"' manifest.json"""
    """ | sed 's/"name":"\\(.*\\)","sha256":"\\(.*\\)"/\\2  \\1/' | sha256sum -c -"""
)
KEY: Final = "openssl pkey -pubin -in house.pem -outform DER | openssl dgst -sha256"


def _explained(incident: Known, counts: dict[str, Any], key: HouseKey, by: Made, say: Words) -> Iterator[str]:
    """What this is, how it is checked, and what it lacks."""

    def count(value: int) -> str:
        return number(value, incident.language)

    yield say("Evidence of incident {incident}", incident=incident.whole["id"])
    yield ""
    at = moment(stamp(by.at), by.zone)
    yield from _wrapped(
        say("Made on {time} ({zone}) by Beffroi {version} on the machine {house}, at the wish of {name}.",
            time=at, zone=by.zone, version=__version__, house=by.house, name=by.by)
    )  # fmt: skip
    yield from _wrapped(
        say(
            "It holds personal data: names, addresses, what people did. Give it only to those who must have it (police, insurer)."
        )
    )
    yield ""
    for name, what in _contents(incident.language, say).items():
        yield f"  {name:<14} {what}"
    yield ""
    yield from _wrapped(say("What is here, and what is not:"))
    yield from _wrapped("  · " + _of_matches(counts["matches"], count, say))
    yield from _wrapped("  · " + _of_events(counts["events"], count, say))
    yield ""
    yield from _wrapped(
        say("How to check it, without Beffroi (Linux or WSL, OpenSSL 3), in the folder where it was unpacked:")
    )
    for step, (what, command) in enumerate(_steps(say), 1):
        yield ""
        yield from _wrapped(f"{step}. {what}")
        yield f"   {command}"
    yield ""
    yield f"   {key.fingerprint}"
    yield ""
    yield from _wrapped(
        say("Ask the house for this fingerprint by another way (by telephone): there `beffroi ledger show --action house.keys` "
            "shows it as “house”. Without that, anybody could have made this.")
    )  # fmt: skip


def _contents(language: str, say: Words) -> dict[str, str]:
    story = "recit.txt" if language == "fr" else "story.txt"
    return {
        story: say("what happened, to be read"),
        "incident.json": say("the same with all its details, for programs"),
        "matches.jsonl": say("what the rules found, one sign a line"),
        "events.jsonl": say("the messages behind it as they came; what is no text in them is shown as �"),
        "ledger.jsonl": say("who did what about it, with the hashes of the ledger"),
        "manifest.json": say("what belongs to this evidence, with its hashes (SHA-256)"),
        "manifest.sig": say("the house's signature of that (Ed25519)"),
        "house.pem": say("the key with which it is checked"),
    }


def _of_matches(counts: dict[str, int], count: Any, say: Words) -> str:
    seen, kept, here = count(counts["seen"]), count(counts["kept"]), count(counts["here"])
    if counts["here"] == counts["kept"]:
        return say("signs: {seen} were counted; all {kept} that are still kept are here", seen=seen, kept=kept)
    return say(
        "signs: {seen} were counted and {kept} are still kept; the newest {here} are here, the others did not fit",
        seen=seen, kept=kept, here=here,
    )  # fmt: skip


def _of_events(counts: dict[str, int], count: Any, say: Words) -> str:
    sentence = say(
        "messages: {asked} were looked for, {here} are here; those that are no longer kept are missing",
        asked=count(counts["asked"]), here=count(counts["here"]),
    )  # fmt: skip
    if counts["left_out"]:
        sentence += "; " + say("{count} or more did not fit", count=count(counts["left_out"]))
    if counts["unread"]:
        sentence += "; " + say("{count} parts of the archive could not be read", count=count(counts["unread"]))
    return sentence


def _steps(say: Words) -> Iterator[tuple[str, str]]:
    yield say("The manifest is signed with the key: “Signature Verified Successfully”."), SIGNATURE
    yield say("Each file is as the manifest says: “OK” behind each. What it does not name is no part of this."), HASHES
    yield say("The key is the house's: the number is the one below."), KEY


def _wrapped(text: str) -> list[str]:
    indent = " " * 4 if text.startswith("  ") else "   " if text[:1].isdigit() else ""
    return wrap(text, COLUMNS, subsequent_indent=indent, break_long_words=False)
