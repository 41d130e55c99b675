"""The ledger: who did what, append-only and hash-chained, so that nobody rewrites it unseen.

Each entry is one canonical JSON text that names the hash of the entry before it; its own hash is the SHA-256 of that text.
Rewriting one entry changes every later hash; a head that left the house earlier (in an attestation or a mail) proves it, also
where the end was cut off and written anew.

A name never stands in the chain, only a commitment to it: SHA-256 over a salt of 32 random bytes and the name. Salt and name
stand in their own table; erasing that row leaves a commitment nobody can open or guess, and the chain whole (GDPR, article 17).
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select

from beffroi.core.model import Fault, message
from beffroi.store import tables
from beffroi.store.times import stamp

GENESIS: Final = "0" * 64
"""What stands for "the entry before" in the first one."""

FORM: Final = 1
"""The form of an entry's text; counted up when it changes, so that old entries stay checkable."""

Details = Mapping[str, Any]
"""Values of an entry: text, whole numbers, booleans, None, `Personal`, and lists and mappings of these."""


class Personal(str):
    """A name or an address: kept erasable, only committed to in the chain."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is read back; commitments are names again where those were not erased (then they are None)."""

    seq: int
    time: str
    actor: str | None
    action: str
    details: dict[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: how many entries, the hash of the last one, and every place that does not hold."""

    entries: int
    head: str
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        return not self.faults


def record(
    change: Connection,
    *,
    actor: str,
    action: str,
    details: Details | None = None,
    now: datetime | None = None,
) -> Entry:
    """Append an entry within the writer's transaction, and give it back. `action` is dotted: "rules.update".

    Raises TypeError where a detail has no canonical form (a float, a date, a key that is no text).
    """
    last, before = head(change)
    seq = last + 1
    body = canonical(
        {
            "form": FORM,
            "seq": seq,
            "time": stamp(now),
            "actor": _committed(change, Personal(actor)),
            "action": action,
            "details": _committed(change, details or {}),
            "before": before,
        }
    )
    own = _hash(body)
    change.execute(insert(tables.ledger).values(seq=seq, body=body, hash=own))
    return _entry(change, seq, _stated(body), own)


def head(connection: Connection) -> tuple[int, str]:
    """The number of the last entry and its hash; 0 and GENESIS where there is none yet."""
    query = select(tables.ledger.c.seq, tables.ledger.c.hash).order_by(tables.ledger.c.seq.desc()).limit(1)
    last = connection.execute(query).first()
    return (last.seq, last.hash) if last is not None else (0, GENESIS)


def entries(connection: Connection, *, action: str | None = None, newest: int | None = None) -> list[Entry]:
    """The entries in their order, or the `newest` so many; only those of an action or of its parts ("rules" or "rules.update").

    An entry whose text was destroyed is given with what is left of it: "?" as its action.
    """
    query = select(tables.ledger).order_by(tables.ledger.c.seq.desc())
    found: list[Entry] = []
    for row in connection.execute(query):
        stated = _stated(row.body)
        what = str(stated.get("action", "?"))
        if action is None or what == action or what.startswith(f"{action}."):
            found.append(_entry(connection, row.seq, stated, row.hash))
            if len(found) == newest:
                break
    return found[::-1]


def entry(connection: Connection, seq: int) -> Entry:
    """One entry by its number. Raises LookupError where there is none."""
    row = connection.execute(select(tables.ledger).where(tables.ledger.c.seq == seq)).first()
    if row is None:
        raise LookupError(seq)
    return _entry(connection, row.seq, _stated(row.body), row.hash)


def erase(change: Connection, name: str) -> int:
    """Forget a name everywhere; the chain stays whole. Returns how many places held it."""
    return change.execute(delete(tables.names).where(tables.names.c.name == name)).rowcount


def verify(connection: Connection, *, heads: Mapping[int, str] | None = None) -> Verification:
    """Check every link, and that each head (number of the entry → its hash) that left the house is still in the chain."""
    faults: list[Fault] = []
    wanted = dict(heads or {})
    before, count = GENESIS, 0
    for row in connection.execute(select(tables.ledger).order_by(tables.ledger.c.seq)):
        count += 1
        place = message("entry {number}", number=row.seq)
        if row.seq != count:
            what = message("entry {number} should stand here: entries are missing", number=count)
            faults.append(Fault("ledger", place, what))
            count = row.seq
        if _hash(row.body) != row.hash:
            faults.append(Fault("ledger", place, message("its text does not fit its hash: it was changed")))
        stated = _stated(row.body)
        if stated.get("seq") != row.seq or stated.get("before") != before:
            faults.append(Fault("ledger", place, message("it does not follow the entry before it")))
        head = wanted.pop(row.seq, None)
        if head is not None and head != row.hash:
            what = message("it is not the entry whose hash {hash}… left the house", hash=head[:12])
            faults.append(Fault("ledger", place, what))
        before = row.hash
    gone = message("it left the house once and is gone")
    faults += [Fault("ledger", message("entry {number}", number=seq), gone) for seq in sorted(wanted)]
    for row in connection.execute(select(tables.names)):
        if _commitment(row.salt, row.name) != row.commitment:
            place = message("name {commitment}…", commitment=row.commitment[:12])
            faults.append(Fault("ledger", place, message("it is not the name that was committed to")))
    return Verification(
        connection.execute(select(func.count()).select_from(tables.ledger)).scalar_one(), before, tuple(faults)
    )


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no blanks, ASCII. Raises TypeError for what has no single form."""
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _check(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, part in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the ledger holds no key like {key!r}: text is expected")
            _check(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _check(part)
    elif not (value is None or isinstance(value, str | bool | int)):
        raise TypeError(f"the ledger holds no {type(value).__name__}: it has no single written form")


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _commitment(salt: bytes, name: str) -> str:
    return hashlib.sha256(salt + name.encode("utf-8", "surrogatepass")).hexdigest()


def _committed(change: Connection, value: Any) -> Any:
    """The value with each name put into its table and replaced by {"name": commitment}. Each use has its own salt, so that
    after an erasure nobody sees that two entries were the same person's."""
    if isinstance(value, Personal):
        salt = secrets.token_bytes(32)
        made = _commitment(salt, value)
        change.execute(insert(tables.names).values(commitment=made, salt=salt, name=str(value)))
        return {"name": made}
    if isinstance(value, Mapping):
        if "name" in value:
            raise TypeError('"name" is taken: give the detail another key')
        return {key: _committed(change, part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_committed(change, part) for part in value]
    return value


def _opened(connection: Connection, value: Any) -> Any:
    """The value with each commitment turned back into its name, None where it was erased."""
    if isinstance(value, dict):
        if value.keys() == {"name"}:
            return connection.execute(
                select(tables.names.c.name).where(tables.names.c.commitment == value["name"])
            ).scalar()
        return {key: _opened(connection, part) for key, part in value.items()}
    if isinstance(value, list):
        return [_opened(connection, part) for part in value]
    return value


def _stated(body: str) -> dict[str, Any]:
    """What an entry's text says; nothing where it was destroyed, which its hash shows anyway."""
    try:
        stated = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return stated if isinstance(stated, dict) else {}


def _entry(connection: Connection, seq: int, stated: dict[str, Any], own: str) -> Entry:
    return Entry(
        seq=seq,
        time=str(stated.get("time", "")),
        actor=_opened(connection, stated.get("actor")),
        action=str(stated.get("action", "?")),
        details=_opened(connection, stated.get("details", {})),
        hash=own,
    )
