"""Beffroi as a service of the machine: what `install`, `upgrade` and `uninstall` do.

    /opt/beffroi/1.2.3/            a version: program and environment, owned by root, never written again
    /opt/beffroi/current           a link to the version that runs; changing it is one rename
    /usr/local/bin/beffroi         a link to the launcher
    /etc/beffroi/beffroi.toml      the configuration; a person's, never overwritten
    /var/lib/beffroi               the data, 0700, owned by the account `beffroi`
    /var/lib/beffroi/before-1.2.3  what the data were before an upgrade, until the next one

Everything may be interrupted and started again: each step looks at what is there.
"""

import grp
import os
import pwd
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from beffroi import __version__
from beffroi.core.errors import BeffroiError
from beffroi.core.model import Message, message

ACCOUNT: Final = "beffroi"
UNIT: Final = "beffroi.service"
PROGRAM: Final = (
    "beffroi",
    "src",
    "tools",
    "packaging",
    "docs",
    "requirements.lock",
    "LICENSE",
    "README.md",
    "LISEZMOI.md",
    "CHANGELOG.md",
)
"""What of a clone or an unpacked release is the program."""

CONFIGURATION: Final = """\
# Beffroi's configuration: only what is needed before it starts; everything else is decided in Beffroi itself.
# Every key, and what it is unless set: /opt/beffroi/current/docs/configuration.md

[paths]
data = "/var/lib/beffroi"
cache = "/var/cache/beffroi"
"""

Say = Callable[[Message], None]
"""Tells a person what is being done."""


class Places(NamedTuple):
    """Where things go; another root than "/" is for tests."""

    root: Path = Path("/")

    @property
    def versions(self) -> Path:
        return self.root / "opt/beffroi"

    @property
    def current(self) -> Path:
        return self.versions / "current"

    @property
    def command(self) -> Path:
        return self.root / "usr/local/bin/beffroi"

    @property
    def configuration(self) -> Path:
        return self.root / "etc/beffroi/beffroi.toml"

    @property
    def unit(self) -> Path:
        return self.root / "etc/systemd/system" / UNIT

    @property
    def data(self) -> Path:
        return self.root / "var/lib/beffroi"

    @property
    def cache(self) -> Path:
        return self.root / "var/cache/beffroi"


def own_folder() -> Path:
    """The folder of the clone or release that runs."""
    return Path(__file__).resolve().parents[3]


def install(places: Places, say: Say, *, program: Path | None = None) -> None:
    """Make this version the machine's service and start it, where systemd runs. Raises BeffroiError."""
    _as_root()
    systemctl = _systemctl()
    program = program or own_folder()
    say(message("the account {account} runs the service", account=ACCOUNT))
    account = _account()
    version = _place_program(places, program, say)
    _own_folders(places, account)
    _write_configuration(places, account)
    _place_unit(places, version)
    _switch(places, version)
    _enable(systemctl)
    if _systemd_runs():
        say(message("Beffroi starts"))
        _run([systemctl, "restart", UNIT], message("the service did not start; `journalctl -u beffroi` says why"))
    else:
        say(message("systemd does not run here: Beffroi starts with the machine"))


def upgrade(places: Places, say: Say, *, program: Path | None = None) -> bool:
    """Put this version in place of the one that runs; False where it was taken back, because it did not come up.

    The data are copied before; the new version migrates and checks them while nothing else writes. Raises BeffroiError where
    there is nothing to upgrade, or this version is not newer.
    """
    _as_root()
    systemctl = _systemctl()
    if not places.current.is_symlink():
        raise BeffroiError("Beffroi is not installed here; type: sudo ./beffroi install")
    before = places.current.resolve()
    if before.name == __version__ and program is None:
        raise BeffroiError("the version {version} runs already", version=__version__)
    version = _place_program(places, program or own_folder(), say)
    running = _systemd_runs()
    if running:
        _run([systemctl, "stop", UNIT], message("the service could not be stopped"))
    kept: Path | None = None
    try:
        say(message("the data are copied before anything is changed"))
        kept = _copy_data(places, before.name)
        _switch(places, version)
        _place_unit(places, version)
        say(message("the new version looks at the data"))
        _run(
            [str(places.current / "beffroi"), "up", "--check", "--data-dir", str(places.data)],
            message("the new version cannot work with the data"),
        )
        if running:
            _run([systemctl, "daemon-reload"], message("systemd did not take the new unit"))
            _run([systemctl, "start", UNIT], message("the new version did not start"))
    except (BeffroiError, OSError, sqlite3.Error) as error:  # a full disk too must not leave a house without its watch
        say(message("it is taken back: {reason}", reason=str(error)))
        _take_back(places, before, kept)
        if running:
            _run([systemctl, "daemon-reload"], message("systemd did not take the old unit"))
            _run([systemctl, "restart", UNIT], message("the service did not start; `journalctl -u beffroi` says why"))
        return False
    return True


def removed(places: Places, *, purge: bool) -> list[Path]:
    """What `uninstall` removes of what is there."""
    program = [places.unit, places.command, places.versions, places.cache]
    data = [places.data, places.configuration.parent] if purge else []
    return [path for path in (*program, *data) if os.path.lexists(path)]


def uninstall(places: Places, say: Say, *, purge: bool) -> None:
    """Take the service away; the data and the configuration stay unless `purge`. Raises BeffroiError."""
    _as_root()
    systemctl = _systemctl()
    if _systemd_runs():
        with suppress(BeffroiError):
            _run([systemctl, "stop", UNIT], message("the service could not be stopped"))
    with suppress(BeffroiError):
        _run([systemctl, "disable", UNIT], message("the service could not be disabled"))
    for path in removed(places, purge=purge):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    if _systemd_runs():
        _run([systemctl, "daemon-reload"], message("systemd did not take note"))
    if not purge:
        say(message("the data stay in {folder}", folder=str(places.data)))
        return
    with suppress(KeyError):
        pwd.getpwnam(ACCOUNT)
        _run(["userdel", ACCOUNT], message("the account {account} could not be removed", account=ACCOUNT))


def _as_root() -> None:
    if os.geteuid() != 0:
        raise BeffroiError("this changes the machine: type sudo in front of it")


def _systemctl() -> str:
    found = shutil.which("systemctl", path="/usr/bin:/bin")
    if found is None:
        raise BeffroiError("this machine has no systemd, which runs services; `./beffroi up` works without")
    return found


def _systemd_runs() -> bool:
    """sd_booted(3)."""
    return Path("/run/systemd/system").is_dir()


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        _run(
            ["useradd", "--system", "--user-group", "--home-dir", "/var/lib/beffroi", "--no-create-home",
             "--shell", "/usr/sbin/nologin", "--comment", "Beffroi", ACCOUNT],
            message("the account {account} could not be made", account=ACCOUNT),
        )  # fmt: skip
        return pwd.getpwnam(ACCOUNT)


def _place_program(places: Places, program: Path, say: Say) -> Path:
    """The program under its version, complete with its environment, or not there at all."""
    version = places.versions / __version__
    if (version / "complete").exists() and version.resolve() != program.resolve():
        shutil.rmtree(version)  # the same version once more: what is given now holds
    if version.resolve() == program.resolve():
        return version
    say(message("the program goes to {folder}", folder=str(version)))
    shutil.rmtree(version, ignore_errors=True)
    version.mkdir(mode=0o755, parents=True)
    for name in PROGRAM:
        source = program / name
        if source.is_dir():
            shutil.copytree(source, version / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, version / name)
    for path in (version, *version.rglob("*")):
        os.chown(path, 0, 0)
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    # The launcher makes the environment, as on its very first start anywhere.
    _run([str(version / "beffroi"), "--version"], message("the program could not set itself up"), told=True)
    (version / "complete").touch()
    return version


def _own_folders(places: Places, account: pwd.struct_passwd) -> None:
    for folder in (places.data, places.cache):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _write_configuration(places: Places, account: pwd.struct_passwd) -> None:
    places.configuration.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not places.configuration.exists():
        text = CONFIGURATION.replace('"/var/', f'"{places.root}/var/'.replace("//", "/"))
        _write(places.configuration, text, 0o640)
    os.chown(places.configuration, 0, account.pw_gid)


def _place_unit(places: Places, version: Path) -> None:
    places.unit.parent.mkdir(parents=True, exist_ok=True)
    text = (version / "packaging" / UNIT).read_text("utf-8")
    # A group that the machine does not have would keep the service from starting.
    text = "".join(
        line for line in text.splitlines(keepends=True)
        if not line.startswith("SupplementaryGroups=") or _has_group(line.strip().partition("=")[2])
    )  # fmt: skip
    _write(places.unit, text, 0o644)


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _switch(places: Places, version: Path) -> None:
    """Let `current` be this version, at once; and the command be the current one's."""
    _link(places.current, Path(version.name))
    places.command.parent.mkdir(parents=True, exist_ok=True)
    _link(places.command, places.current / "beffroi")


def _link(link: Path, target: Path) -> None:
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _write(path: Path, text: str, mode: int) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, "utf-8")
    new.chmod(mode)
    new.replace(path)


def _enable(systemctl: str) -> None:
    _run([systemctl, "enable", UNIT], message("the service could not be made to start with the machine"))
    if _systemd_runs():
        _run([systemctl, "daemon-reload"], message("systemd did not take the unit"))


def _copy_data(places: Places, version: str) -> Path:
    """What an upgrade may change, as it is now: the store. Events are only ever added to, and stay where they are."""
    kept = places.data / f"before-{__version__}"
    with _owned(places.data, kept):
        shutil.rmtree(kept, ignore_errors=True)
        for old in places.data.glob("before-*"):
            shutil.rmtree(old)
        kept.mkdir(mode=0o700)
        (kept / "version").write_text(version, "utf-8")
        store = places.data / "store.db"
        if store.exists():
            with closing(sqlite3.connect(store)) as there, closing(sqlite3.connect(kept / "store.db")) as here:
                there.backup(here)
    return kept


def _take_back(places: Places, before: Path, kept: Path | None) -> None:
    """As it was; `kept` is what `_copy_data` made, None where it did not come to that."""
    with _owned(places.data, places.data / "store.db"):
        if kept is not None and (kept / "store.db").exists():
            for name in ("store.db-wal", "store.db-shm"):
                (places.data / name).unlink(missing_ok=True)
            new = places.data / ".store.db.new"
            shutil.copy2(kept / "store.db", new)
            new.replace(places.data / "store.db")
    _switch(places, before)
    _place_unit(places, before)


@contextmanager
def _owned(like: Path, path: Path) -> Iterator[None]:
    """What is made within belongs to whom the data folder belongs to."""
    yield
    owner = like.stat()
    for each in (path, *(path.rglob("*") if path.is_dir() else ())):
        if each.exists():
            os.chown(each, owner.st_uid, owner.st_gid)


def _run(command: Sequence[str], otherwise: Message, *, told: bool = False) -> None:
    """Run a command of the system; `told`: what it says on stderr goes to the person. Raises BeffroiError with what it said."""
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if told else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout or "").strip().splitlines()
        raise BeffroiError("{what}: {said}" if said else "{what}", what=otherwise, said=said[-1][:500] if said else "")
