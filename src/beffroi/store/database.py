"""The store: one SQLite file in a private folder, written by one process through one connection, safe against kill -9."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from beffroi.core.errors import StoreBusyError, StoreError
from beffroi.core.model import message
from beffroi.store.tables import HEAD

FILE: Final = "store.db"
LOCK: Final = "store.lock"
MIGRATIONS: Final = "beffroi.store:migrations"


class Store:
    """The open store. It belongs to this process until it is closed or the process ends, however it ends."""

    def __init__(self, data_dir: Path, held: ExitStack) -> None:
        """Use `Store.open`; `held` gives the lock back."""
        self.data_dir = data_dir
        self._held = held
        self._turn = threading.RLock()
        self._writing = False
        self._listeners: list[Callable[[], object]] = []
        self._writer = _engine(data_dir / FILE, writes=True)
        self._readers = _engine(data_dir / FILE, writes=False)

    @classmethod
    def open(cls, data_dir: Path, *, wait: float = 10.0) -> Self:
        """Open or make the store, and bring its tables up to date. Waits `wait` seconds for another process that writes.

        Raises StoreBusyError where somebody else writes, StoreError: the folder is no good, the disk is full, the file is no store of ours.
        """
        with ExitStack() as held, _told(data_dir):
            _private_folder(data_dir)
            held.enter_context(_lock(data_dir / LOCK, wait))
            store = cls(data_dir, held)
            held.callback(store._dispose)
            _private_file(data_dir / FILE)
            store._migrate()
            store._held = held.pop_all()
            return store

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction of the one writer: kept when the block ends well, else as if nothing had been. Never nested."""
        with self._turn:
            if self._writing:
                raise RuntimeError("a transaction of the writer is open already")
            self._writing = True
            try:
                with _told(self.data_dir), self._writer.begin() as connection:
                    yield connection
            finally:
                self._writing = False
        for told in tuple(self._listeners):
            told()

    @contextmanager
    def listen(self, told: Callable[[], object]) -> Iterator[None]:
        """Call `told` after each transaction of the writer, in the thread that made it; it must return at once."""
        self._listeners.append(told)
        try:
            yield
        finally:
            self._listeners.remove(told)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the store from its first query on and cannot change it."""
        with _told(self.data_dir), self._readers.connect() as connection:
            yield connection

    def close(self) -> None:
        """Let another process write."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _dispose(self) -> None:
        self._readers.dispose()
        self._writer.dispose()

    def _migrate(self) -> None:
        """Bring the tables to HEAD, in one transaction; a store of a newer Beffroi is left alone."""
        with self._readers.connect() as connection:
            has = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if has else None
        if found == HEAD:
            return
        from alembic import command  # it costs a fifth of a second, and nearly always there is nothing to do
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", MIGRATIONS)
        with self._writer.begin() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise StoreError(
                    path=self.data_dir / FILE,
                    reason=message("it was made by a newer Beffroi (its tables are at {found})", found=str(found)),
                ) from error


def _engine(path: Path, *, writes: bool) -> Engine:
    """An engine whose transactions are really SQLite's: the driver's own guessing when to begin is switched off. The writer
    has one connection and takes the file's write lock when it begins, not when it first writes."""
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=1,
        max_overflow=0 if writes else 20,
        connect_args={"timeout": 10.0, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        # secure_delete: an erased name is overwritten, not only forgotten by the table.
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if not writes:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _private_folder(folder: Path) -> None:
    """Make the data folder for its owner alone; close one that stood open. Raises OSError or StoreError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.stat()
    if state.st_uid != os.geteuid():
        raise StoreError(
            path=folder, reason=message("the folder belongs to another account (number {number})", number=state.st_uid)
        )
    if state.st_mode & 0o077:
        folder.chmod(0o700)


def _private_file(path: Path) -> None:
    """Make the database file before SQLite would, with rights that SQLite then gives to its journal too."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    path.chmod(0o600)


@contextmanager
def _lock(path: Path, wait: float) -> Iterator[None]:
    """Be the only one. The system gives the lock back when the process ends, so a dead holder never stands in the way."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "?"
                    raise StoreBusyError(path=path.parent, holder=holder) from None
                time.sleep(0.05)
        with suppress(OSError):  # the number is a courtesy; on a full disk the lock holds without it
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def _told(data_dir: Path) -> Iterator[None]:
    """Turn what the disk and SQLite say into a sentence; a fault of our own queries stays a defect."""
    try:
        yield
    except OSError as error:
        raise StoreError(path=error.filename or data_dir, reason=error.strerror or str(error)) from error
    except DBAPIError as error:
        said = str(error.orig).lower()
        reason = next((reason for part, reason in _SENTENCES if part in said), None)
        if reason is None:
            raise
        raise StoreError(path=data_dir / FILE, reason=reason) from error


_SENTENCES: Final = (
    ("disk is full", message("the disk is full; free some space and try again, nothing was half done")),
    ("disk i/o error", message("the disk does not read or write; look at its health")),
    ("is locked", message("another program is writing to it; try again later")),
    ("not a database", message("the file is not a database; move it away or bring back a copy")),
    ("malformed", message("the file is damaged; bring back a copy")),
    (
        "readonly",
        message("it may not be written; look at the rights of the folder and whether the disk is mounted read-only"),
    ),
    ("unable to open", message("the file cannot be opened; look at the rights of the folder")),
)
