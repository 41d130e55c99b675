"""Updating rules: at every moment the old or the new set is whole and in use."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from beffroi.core.errors import InputError, StoreError, UsageError
from beffroi.core.model import WHOLE, Fault, message
from beffroi.rules import update
from beffroi.rules.archive import ArchiveLimits
from beffroi.rules.switches import switch, switched_off, switches
from beffroi.rules.update import Report, Result
from beffroi.store import Store, feed, ledger
from tests.rules.archives import RULE, actions, archive, counted, in_use


def test_an_archive_comes_into_use_with_its_folders_and_only_its_rules(
    take: Callable[..., Result], folder: Path, store: Store, tmp_path: Path
) -> None:
    names = [
        "rules/windows/a.yml",
        "rules-emerging-threats/2026/b.yaml",
        "LICENSE",
        "README.md",
        "tool.py",
        ".github/c.yml",
    ]
    source = archive(tmp_path / "a.zip", dict.fromkeys(names, RULE))
    result = take(source)
    assert in_use(folder) == dict.fromkeys(names[:4], RULE)
    assert (result.sha256, result.files, result.left_out) == (hashlib.sha256(source.read_bytes()).hexdigest(), 2, 2)
    assert (result.switched, result.replaced, result.folder) == (True, None, update.live(folder))
    with store.read() as connection:
        (entry,) = ledger.entries(connection)
    assert (entry.actor, entry.action, entry.details["sha256"]) == ("Odette Lambin", "rules.update", result.sha256)
    modes = {stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*") if not path.is_symlink()}
    assert modes == {0o700, 0o600}


def test_the_rules_are_tried_where_they_will_stay(take: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
    tried: list[Path] = []

    def try_rules(rules: Path) -> Report:
        tried.append(rules)
        return Report(loaded=1, refused=(Fault("b.yml", WHOLE, message("look-around")),), samples=4)

    result = take(archive(tmp_path / "a.zip"), try_rules=try_rules)
    assert tried == [update.live(folder)]
    assert str(result.report.refused[0]) == "b.yml: look-around"


def test_before_the_first_update_nothing_is_in_use(folder: Path) -> None:
    assert update.live(folder) is None


def test_the_right_sum_is_taken_however_it_is_written(take: Callable[..., Result], tmp_path: Path) -> None:
    source = archive(tmp_path / "a.zip")
    right = hashlib.sha256(source.read_bytes()).hexdigest()
    assert take(source, sha256=f" SHA256:{right.upper()}\n").switched


def test_a_wrong_sum_refuses_the_archive_before_it_is_opened(
    take: Callable[..., Result], folder: Path, tmp_path: Path
) -> None:
    source = tmp_path / "a.zip"
    source.write_bytes(b"no archive at all")
    with pytest.raises(InputError, match="it is not the archive that was meant, nothing was taken"):
        take(source, sha256="0" * 64)
    assert in_use(folder) is None


def test_a_sum_that_is_none_is_misuse(take: Callable[..., Result], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        take(archive(tmp_path / "a.zip"), sha256="abc")


def test_a_dry_run_tries_everything_and_changes_nothing(
    take: Callable[..., Result], folder: Path, store: Store, tmp_path: Path
) -> None:
    take(archive(tmp_path / "a.zip"))
    result = take(archive(tmp_path / "b.zip", {"new.yml": RULE}), dry_run=True)
    assert (result.switched, result.folder, result.report.loaded) == (False, None, 1)
    assert in_use(folder) == {"rules/windows/a.yml": RULE}
    assert actions(store) == ["rules.update"]
    assert len(list((folder / "sets").iterdir())) == 1


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (Report(loaded=0, refused=(Fault("a.yml", WHOLE, message("no rule")),)), "None of the rules"),
        (Report(loaded=5, failed=(Fault("s.yml", WHOLE, message("did not fire")),)), "fail on the stored samples"),
    ],
)
def test_rules_that_do_not_stand_the_trial_are_not_used(
    report: Report, said: str, take: Callable[..., Result], folder: Path, tmp_path: Path
) -> None:
    take(archive(tmp_path / "a.zip"))
    with pytest.raises(InputError, match=said) as caught:
        take(archive(tmp_path / "b.zip", {"new.yml": RULE}), try_rules=lambda _rules: report)
    assert caught.value.faults == report.refused + report.failed
    assert in_use(folder) == {"rules/windows/a.yml": RULE}
    assert len(list((folder / "sets").iterdir())) == 1


def test_one_can_go_back_and_only_the_set_before_is_kept(
    take: Callable[..., Result], folder: Path, store: Store, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        take(archive(tmp_path / f"{name}.zip", {f"{name}.yml": RULE}))
    assert len(list((folder / "sets").iterdir())) == 2
    result = update.back(folder=folder, try_rules=counted, register=update.Direct(store, "Odette Lambin", folder))
    assert in_use(folder) == {"b.yml": RULE}
    assert result.folder == update.live(folder)
    with pytest.raises(InputError, match="no older set of rules is kept"):
        update.back(folder=folder, try_rules=counted, register=update.Direct(store, "Odette Lambin", folder))
    take(archive(tmp_path / "d.zip", {"d.yml": RULE}))
    assert in_use(folder) == {"d.yml": RULE}
    assert actions(store) == ["rules.update"] * 3 + ["rules.back", "rules.update"]


def test_the_same_archive_may_be_taken_twice(take: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
    source = archive(tmp_path / "a.zip")
    assert take(source).folder != take(source).folder
    assert in_use(folder) == {"rules/windows/a.yml": RULE}


def test_switches_outlive_an_update(take: Callable[..., Result], store: Store, tmp_path: Path) -> None:
    take(archive(tmp_path / "a.zip"))
    switch(store, "Odette Lambin", "11111111-1111-4111-8111-111111111111", enabled=False, reason="too loud")
    switch(store, "Odette Lambin", "not-here-yet", enabled=False, reason="known")
    switch(store, "Marcel Wauthy", "not-here-yet", enabled=True, reason="wanted after all")
    take(archive(tmp_path / "b.zip", {"b.yml": RULE}))
    assert switched_off(store) == {"11111111-1111-4111-8111-111111111111"}
    with store.read() as connection:
        assert [each.table for each in feed.follow(connection, 0)] == ["rules", *["rule_switches"] * 3, "rules"]
    found = switches(store)["not-here-yet"]
    assert (found.enabled, found.who, found.reason) == (True, "Marcel Wauthy", "wanted after all")


@pytest.mark.parametrize(
    ("rule", "reason"), [("", "x"), ("a\nb", "x"), ("a" * 201, "x"), ("a", " "), ("a", "x" * 1001)]
)
def test_a_switch_needs_a_rule_and_a_reason(rule: str, reason: str, store: Store) -> None:
    with pytest.raises(UsageError):
        switch(store, "Odette Lambin", rule, enabled=False, reason=reason)
    assert actions(store) == []


def test_a_forgotten_person_stays_a_switch_without_a_name(store: Store) -> None:
    switch(store, "Odette Lambin", "a", enabled=False, reason="because of Odette Lambin")
    with store.write() as change:
        ledger.erase(change, "Odette Lambin")
        ledger.erase(change, "because of Odette Lambin")
    found = switches(store)["a"]
    assert (found.who, found.reason, found.enabled) == (None, None, False)
    assert switched_off(store) == {"a"}


# --- crashes and crowds --------------------------------------------------------------------------------------------

CHILD = """
import os, pathlib, signal, sys, zipfile
from beffroi.rules import update
from beffroi.rules.update import Report
from beffroi.store import Store

data, source, deadly = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
count = 0

def watch(module, name):
    made = getattr(module, name)
    def watched(*arguments, **options):
        global count
        count += 1
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        done = made(*arguments, **options)
        count += 1
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(module, name, watched)

with Store.open(data) as store:
    for name in ("sync", "fsync", "rename", "replace", "symlink", "unlink", "mkdir"):
        watch(os, name)
    update.update(source, sha256=None, folder=data / "rules", try_rules=lambda rules: Report(loaded=1),
                  register=update.Direct(store, "Odette Lambin", data / "rules"))
print(count)
"""


def child(data: Path, source: Path, deadly: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), data, source, str(deadly)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_after_kill_9_at_any_step_the_old_or_the_new_rules_are_whole_and_in_use(tmp_path: Path) -> None:
    data = tmp_path / "data"
    old, new = ({f"{name}/{part}.yml": RULE for part in range(3)} for name in ("old", "new"))
    first, second = archive(tmp_path / "old.zip", old), archive(tmp_path / "new.zip", new)
    assert child(data, first, 0).returncode == 0
    killed, ended, deadly = 0, {"old": 0, "new": 0}, 0
    while True:
        deadly += 1
        done = child(data, second, deadly)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
        found = in_use(data / "rules")
        assert found in (old, new)
        ended["old" if found == old else "new"] += 1
        with Store.open(data, wait=5) as store:
            update.settle(data / "rules", store)
            with store.read() as connection:
                entries = ledger.entries(connection, action="rules")
                assert ledger.verify(connection).sound
            rules = update.live(data / "rules")
            assert rules is not None
            assert entries[-1].details["set"] == rules.parent.name
            # From the old rules again, for the next step to die at.
            register = update.Direct(store, "O", data / "rules")
            update.update(first, sha256=None, folder=data / "rules", try_rules=counted, register=register)
        assert {path.name[0] for path in (data / "rules" / "sets").iterdir()} == {"0"}, "nothing half made is left"
    assert killed >= 12
    assert ended["old"] > 0
    assert ended["new"] > 0


def test_two_updates_at_once_do_not_meet(take: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def meanwhile(_rules: Path) -> Report:
        with pytest.raises(StoreError) as caught:
            take(archive(tmp_path / "b.zip", {"b.yml": RULE}))
        said.append(str(caught.value))
        return Report(loaded=1)

    take(archive(tmp_path / "a.zip"), try_rules=meanwhile)
    assert "another update of the rules is under way" in said[0]
    assert in_use(folder) == {"rules/windows/a.yml": RULE}


def test_a_trial_that_breaks_leaves_the_old_rules(take: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
    take(archive(tmp_path / "a.zip"))

    def broken(_rules: Path) -> Report:
        raise MemoryError

    with pytest.raises(MemoryError):
        take(archive(tmp_path / "b.zip", {"b.yml": RULE}), try_rules=broken)
    assert in_use(folder) == {"rules/windows/a.yml": RULE}
    assert len(list((folder / "sets").iterdir())) == 1


@pytest.mark.parametrize("first", [True, False])
def test_if_the_entry_cannot_be_written_the_old_rules_stay(
    first: bool,
    take: Callable[..., Result],
    folder: Path,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not first:
        take(archive(tmp_path / "a.zip"))
    before = in_use(folder)
    made = update._point

    def full(where: Path, name: str | None) -> None:
        made(where, name)
        monkeypatch.undo()
        raise StoreError(path=where, reason="the disk is full")

    monkeypatch.setattr(update, "_point", full)
    with pytest.raises(StoreError, match="the disk is full"):
        take(archive(tmp_path / "b.zip", {"b.yml": RULE}))
    assert in_use(folder) == before
    assert actions(store) == [] if first else ["rules.update"]


def test_a_folder_somebody_meddled_with_is_named(take: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
    take(archive(tmp_path / "a.zip"))
    (folder / "live").unlink()
    (folder / "live").symlink_to("/etc")
    with pytest.raises(StoreError, match="points to /etc, where no set of rules is"):
        take(archive(tmp_path / "b.zip"))
    (folder / "live").unlink()
    (folder / "live").mkdir()
    with pytest.raises(StoreError, match="not the link"):
        update.live(folder)


@pytest.mark.slow
def test_all_public_rules_are_taken(corpus: Path, take: Callable[..., Result], folder: Path, tmp_path: Path) -> None:
    files = sorted(corpus.glob("sigma/rules*/**/*.yml"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for path in files:
            made.write(path, path.relative_to(corpus / "sigma"))
    result = take(tmp_path / "a.zip", limits=ArchiveLimits())
    assert result.files == len(files) > 3000
