"""What the tests of rule updates share: archives, honest and not, and what became of them."""

import zipfile
from pathlib import Path

from beffroi.rules import update
from beffroi.rules.archive import ArchiveLimits
from beffroi.rules.update import Report
from beffroi.store import Store, ledger

RULE = "title: A\nid: 11111111-1111-4111-8111-111111111111\n"
SMALL = ArchiveLimits(archive=1 << 20, members=200, total=100_000, member=20_000, idle=2.0)


def counted(rules: Path) -> Report:
    return Report(loaded=len(list(rules.rglob("*.yml"))))


def archive(path: Path, members: dict[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in ({"rules/windows/a.yml": RULE} if members is None else members).items():
            made.writestr(name, text)
    return path


def member(name: str, **attributes: int) -> zipfile.ZipInfo:
    """A member just as somebody hostile would write it."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    info.compress_type = zipfile.ZIP_DEFLATED
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def with_member(path: Path, info: zipfile.ZipInfo, text: str | bytes = RULE) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("rules/good.yml", RULE)
        made.writestr(info, text)
    return path


def in_use(folder: Path) -> dict[str, str] | None:
    rules = update.live(folder)
    if rules is None:
        return None
    return {str(path.relative_to(rules)): path.read_text() for path in rules.rglob("*") if path.is_file()}


def actions(store: Store) -> list[str]:
    with store.read() as connection:
        return [entry.action for entry in ledger.entries(connection)]
