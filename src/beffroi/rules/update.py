"""New rules for a house: fetched, checked, tried, and only then put in the place of the old ones, all at once.

The rules folder holds::

    live -> sets/000007-1f2e…     what is used: a link, exchanged in one step, so that a crash leaves the old or the new
    sets/000007-1f2e…/rules/      the set as its archive had it
    sets/000007-1f2e…/set.json    where it came from, its SHA-256, and which set it took the place of
    lock                        one update at a time

The set before the live one is kept for `beffroi rules update --back`. Switches are kept by rule id in the store and are not
touched. The exchange and its ledger entry are made in one go; where the machine died between the two, the next update, or
`settle`, writes the entry that is missing.
"""

import fcntl
import hmac
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from beffroi.core.errors import InputError, StoreError, UsageError
from beffroi.core.model import Fault, message
from beffroi.rules.archive import ArchiveLimits, fetch, shown, unpack
from beffroi.rules.repository import PACK
from beffroi.store import Store, feed, ledger
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.store.files import sync_folder

LIVE: Final = "live"
SETS: Final = "sets"
RULES: Final = "rules"
ABOUT: Final = "set.json"
INCOMING: Final = ".incoming"
_SET: Final = re.compile(r"\d{6,}-[0-9a-f]{16}", re.ASCII)
TOLD: Final = ("rules.update", "rules.back", "rules.found")
"""The actions whose newest entry names the set in use."""

SYSTEM: Final = "beffroi"
"""The actor of an entry that nobody ordered."""


@dataclass(frozen=True, slots=True)
class Report:
    """What trying a set of rules gave. `refused` rules are left out and named; a `failed` sample refuses the whole set."""

    loaded: int
    refused: tuple[Fault, ...] = ()
    blind: int = 0
    samples: int = 0
    failed: tuple[Fault, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Result:
    """What an update did, or would do. `folder` is the set's rules (gone again after a dry run)."""

    source: str
    sha256: str
    files: int
    left_out: int
    report: Report
    folder: Path | None
    replaced: str | None
    switched: bool


class Register(Protocol):
    """Where the exchange of sets is done and written down: the ledger's store, or the service that has it open."""

    def settle(self) -> None:
        """Write the entry that a crash right after an exchange left out."""

    def exchange(self, name: str, action: str, details: dict[str, Any]) -> None:
        """Have another set in use, and the entry of it in the ledger: both or neither."""


class Direct:
    """The register of whoever has the store open."""

    def __init__(self, store: Store, actor: str, folder: Path) -> None:
        self._store = store
        self._actor = actor
        self._folder = folder

    def settle(self) -> None:
        _settle(self._folder, self._store)

    def exchange(self, name: str, action: str, details: dict[str, Any]) -> None:
        _exchange(self._folder, name, self._store, actor=self._actor, action=action, details=details)


TryRules = Callable[[Path], Report]
"""Loads every rule of a folder and runs the stored samples over them."""


def live(folder: Path) -> Path | None:
    """The rules in use, as a folder that stays the same while it is read; None where nothing was ever loaded."""
    chosen = _live_set(folder)
    return None if chosen is None else folder / SETS / chosen / RULES


def folders(folder: Path) -> list[Path]:
    """Where the rules at work lie: Beffroi's own, and those that somebody loaded."""
    loaded = live(folder)
    return [PACK] if loaded is None else [PACK, loaded]


def update(
    source: str | Path,
    *,
    sha256: str | None,
    folder: Path,
    try_rules: TryRules,
    register: "Register",
    dry_run: bool = False,
    limits: ArchiveLimits | None = None,
) -> Result:
    """Take the rules of a ZIP archive, a file or an address, into use. Fetching and trying them takes long and reads what the caller
    may read; the exchange itself is an Action, so that it works while the service runs.

    Raises UsageError for an address or a SHA-256 that is none, InputError where the archive or its rules are no good,
    StoreError where the folder cannot be written or another update runs. The rules in use are then as they were.
    """
    limits = limits if limits is not None else ArchiveLimits()
    wanted = _digest(sha256)
    with _alone(folder):
        register.settle()
        _tidy(folder)
        taken = None
        try:
            taken = _taken(source, wanted, folder, limits)
            report = _accepted(try_rules(taken.rules), taken.about["source"])
            result = _result(taken, report, switched=not dry_run)
            if not dry_run:
                details = taken.about | {"set": taken.name, "rules": report.loaded, "refused": len(report.refused)}
                register.exchange(taken.name, "rules.update", details)
        except BaseException:
            _remove(folder / SETS / INCOMING)
            if taken is not None and _live_set(folder) != taken.name:
                _remove(folder / SETS / taken.name)
            raise
        if dry_run:
            _remove(folder / SETS / taken.name)
        else:
            _tidy(folder)
        return result


def back(*, folder: Path, try_rules: TryRules, register: "Register") -> Result:
    """Take the set before the live one into use again. Raises InputError where none is kept."""
    with _alone(folder):
        register.settle()
        now = _live_set(folder)
        before = None if now is None else _about(folder / SETS / now).get("replaced")
        if not isinstance(before, str) or not (folder / SETS / before / RULES).is_dir():
            raise InputError(path=folder, reason=message("no older set of rules is kept"))
        older = _Set(before, folder / SETS / before / RULES, _about(folder / SETS / before) | {"replaced": now})
        report = _accepted(try_rules(older.rules), before)
        details = {"set": before, "sha256": str(older.about.get("sha256", "")), "replaced": now}
        register.exchange(before, "rules.back", details)
        return _result(older, report, switched=True)


def settle(folder: Path, store: Store) -> bool:
    """Write the ledger entry that a crash right after an exchange left out; whether one was missing."""
    with _alone(folder):
        return _settle(folder, store)


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which set to have in use, what led to it ("rules.update", "rules.back"), and what the ledger shall say of it."""

    name: str
    action: str
    details: dict[str, str | int | None]


def _exchange_action(store: Store, actor: Actor, wish: Exchange) -> dict[str, Any]:
    folder = store.data_dir / RULES
    if wish.action not in TOLD or _SET.fullmatch(wish.name) is None or not (folder / SETS / wish.name / RULES).is_dir():
        raise UsageError("There is no set of rules {name}", name=wish.name)
    _exchange(folder, wish.name, store, actor=actor.name, action=wish.action, details=wish.details)
    return {"name": wish.name}


def _settle_action(store: Store, _actor: Actor, _arguments: Nothing) -> dict[str, Any]:
    return {"written": _settle(store.data_dir / RULES, store)}


ACTIONS: Final = (
    Action("rules.exchange", _exchange_action, Exchange, Role.PROVIDER, writes=True),
    Action("rules.settle", _settle_action, Nothing, Role.PROVIDER, writes=True),
)


# --- one step each -------------------------------------------------------------------------------------------------


def _digest(sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    stated = sha256.strip().lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", stated):
        raise UsageError("A SHA-256 has 64 hexadecimal digits; {given} has not", given=sha256)
    return stated


class _Set(NamedTuple):
    """A set that lies in its place, in use or not: its name, its rules, and what its note says."""

    name: str
    rules: Path
    about: dict[str, Any]


def _taken(source: str | Path, wanted: str | None, folder: Path, limits: ArchiveLimits) -> _Set:
    """Fetch, compare, unpack, and put the set beside the others. It is tried where it will stay, so that what is compiled
    for the trial serves afterwards."""
    incoming = folder / SETS / INCOMING
    incoming.mkdir(mode=0o700)
    archive = incoming / "archive.zip"
    found = fetch(source, archive, limits)
    name = shown(source)
    if wanted is not None and not hmac.compare_digest(found, wanted):
        raise InputError(
            path=name,
            reason=message(
                "its SHA-256 is {found}, not {wanted}: it is not the archive that was meant, nothing was taken",
                found=found,
                wanted=wanted,
            ),
        )
    rules = incoming / RULES
    rules.mkdir(mode=0o700)
    files, left_out = unpack(archive, rules, limits, name=name)
    archive.unlink()
    about = {"source": name, "sha256": found, "files": files, "left_out": left_out, "replaced": _live_set(folder)}
    (incoming / ABOUT).touch(mode=0o600)
    (incoming / ABOUT).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    os.sync()  # thousands of small files: one sync of everything is quicker than one of each
    number = max((int(each.name.partition("-")[0]) for each in _sets(folder)), default=0) + 1
    own = f"{number:06}-{found[:16]}"
    incoming.rename(folder / SETS / own)
    sync_folder(folder / SETS)
    return _Set(own, folder / SETS / own / RULES, about)


def _result(chosen: _Set, report: Report, *, switched: bool) -> Result:
    replaced = chosen.about.get("replaced")
    return Result(
        source=str(chosen.about.get("source", "")),
        sha256=str(chosen.about.get("sha256", "")),
        files=int(chosen.about.get("files", 0)),
        left_out=int(chosen.about.get("left_out", 0)),
        report=report,
        folder=chosen.rules if switched else None,
        replaced=replaced if isinstance(replaced, str) else None,
        switched=switched,
    )


def _accepted(report: Report, name: str) -> Report:
    if report.loaded == 0:
        raise InputError("None of the rules of {path} can be used", path=name, faults=report.refused)
    if report.failed:
        raise InputError("The rules of {path} fail on the stored samples", path=name, faults=report.failed)
    return report


def _exchange(folder: Path, name: str, store: Store, *, actor: str, action: str, details: ledger.Details) -> None:
    """Point to another set and write the entry of it: both or neither, but for a crash between them (`settle`)."""
    before = _live_set(folder)
    try:
        with store.write() as change:
            ledger.record(change, actor=actor, action=action, details=details)
            feed.tell(change, "rules", name)
            _point(folder, name)
    except BaseException:
        if _live_set(folder) != before:  # the entry could not be kept: as if nothing had been
            _point(folder, before)
        raise


def _point(folder: Path, name: str | None) -> None:
    """Make `live` point to the set, or to none, in one step and lasting."""
    fresh = folder / f"{LIVE}.new"
    fresh.unlink(missing_ok=True)
    if name is None:
        (folder / LIVE).unlink(missing_ok=True)
    else:
        fresh.symlink_to(f"{SETS}/{name}")
        fresh.replace(folder / LIVE)
    sync_folder(folder)


def _settle(folder: Path, store: Store) -> bool:
    now = _live_set(folder)
    with store.read() as connection:
        told = [entry for what in TOLD for entry in ledger.entries(connection, action=what, newest=1)]
    last = max(told, key=lambda entry: entry.seq, default=None)
    if now is None or (last is not None and last.details.get("set") == now):
        return False
    with store.write() as change:
        sha256 = str(_about(folder / SETS / now).get("sha256", ""))
        ledger.record(change, actor=SYSTEM, action="rules.found", details={"set": now, "sha256": sha256})
        feed.tell(change, "rules", now)
    return True


def _live_set(folder: Path) -> str | None:
    """The name of the set that `live` points to."""
    try:
        target = str((folder / LIVE).readlink())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            path=folder / LIVE, reason=message("it is not the link to a set of rules that it should be")
        ) from error
    name = Path(target).name
    if target != f"{SETS}/{name}" or not (folder / SETS / name / RULES).is_dir():
        raise StoreError(
            path=folder / LIVE, reason=message("it points to {target}, where no set of rules is", target=target)
        )
    return name


def _sets(folder: Path) -> list[Path]:
    return sorted(each for each in (folder / SETS).iterdir() if _SET.fullmatch(each.name))


def _about(chosen: Path) -> dict[str, Any]:
    """What a set's own note says; nothing where it is damaged."""
    try:
        about = json.loads((chosen / ABOUT).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def _tidy(folder: Path) -> None:
    """Keep the live set and the one before it; clear away older ones and what a crash left."""
    now = _live_set(folder)
    _remove(folder / SETS / INCOMING)
    kept = {now, _about(folder / SETS / now).get("replaced") if now is not None else None}
    for each in _sets(folder):
        if each.name not in kept:
            _remove(each)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        raise StoreError(path=path, reason=message("it is in the way and cannot be removed"))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make the folder where it is missing, and be the only one who changes it. What the disk says becomes a sentence."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / SETS).mkdir(mode=0o700, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(path=folder, reason=message("another update of the rules is under way")) from None
            yield
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreError(path=error.filename or folder, reason=error.strerror or str(error)) from error
