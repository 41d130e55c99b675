"""The store: one writer, private files, whole transactions, and sentences for what the disk does."""

import errno
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Inspector, create_engine, create_mock_engine, insert, inspect, select, text
from sqlalchemy.dialects import postgresql

from beffroi.core.errors import StoreError
from beffroi.store import Store, ledger, tables


def child(code: str, data: Path) -> "subprocess.CompletedProcess[str]":
    """Run the code in another process; `data` is the data folder."""
    head = "import os, sys, pathlib\nfrom beffroi.store import Store, ledger\ndata = pathlib.Path(sys.argv[1])\n"
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code), str(data)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def actions(store: Store) -> list[str]:
    with store.read() as connection:
        return [entry.action for entry in ledger.entries(connection)]


def test_the_folder_and_every_file_in_it_are_the_owner_s_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Store.open(data) as store, store.write() as change:
        ledger.record(change, actor="Odette Lambin", action="test")
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}
        assert modes == dict.fromkeys(("store.db", "store.db-shm", "store.db-wal", "store.lock"), 0o600)


def test_a_folder_that_stood_open_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Store.open(tmp_path).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.write() as change:
        ledger.record(change, actor="Odette Lambin", action="first")
    with Store.open(tmp_path) as store:
        assert actions(store) == ["first"]


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        with suppress(ZeroDivisionError), store.write() as change:
            ledger.record(change, actor="Odette Lambin", action="half")
            raise ZeroDivisionError
        assert actions(store) == []


@pytest.mark.slow
def test_a_second_process_waits_and_is_told_who_writes(tmp_path: Path) -> None:
    with Store.open(tmp_path):
        code = """
        try:
            Store.open(data, wait=0.2)
        except Exception as error:
            print(type(error).__name__, error)
        """
        said = child(code, tmp_path).stdout
    assert said.startswith("StoreBusyError")
    assert f"another Beffroi (process {os.getpid()}) is writing to it" in said


@pytest.mark.slow
def test_after_kill_9_in_a_transaction_the_next_one_finds_the_store_whole(tmp_path: Path) -> None:
    code = """
    store = Store.open(data)
    with store.write() as change:
        ledger.record(change, actor="Odette Lambin", action="kept")
    with store.write() as change:
        ledger.record(change, actor="Odette Lambin", action="lost")
        os.kill(os.getpid(), 9)
    """
    assert child(code, tmp_path).returncode == -signal.SIGKILL
    with Store.open(tmp_path, wait=0) as store:
        assert actions(store) == ["kept"]
        with store.read() as connection:
            assert ledger.verify(connection).sound


@pytest.mark.slow
def test_after_kill_9_while_the_tables_are_made_they_are_made_anew(tmp_path: Path) -> None:
    code = """
    from alembic.operations import Operations
    made = Operations.create_table
    def create_table(self, name, *arguments, **options):
        if name == "rule_switches":
            os.kill(os.getpid(), 9)
        return made(self, name, *arguments, **options)
    Operations.create_table = create_table
    import alembic.op
    alembic.op.create_table = lambda *arguments, **options: create_table(alembic.op._proxy, *arguments, **options)
    Store.open(data)
    """
    assert child(code, tmp_path).returncode == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "store.db")) as raw, raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    raw.close()
    with Store.open(tmp_path, wait=0) as store:
        assert actions(store) == []


def test_threads_write_one_after_the_other_and_readers_go_on(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:

        def write(name: str) -> None:
            for _ in range(10):
                with store.write() as change:
                    ledger.record(change, actor=name, action="test")

        threads = [threading.Thread(target=write, args=(name,)) for name in ("Odette", "Marcel", "Ginette")]
        for thread in threads:
            thread.start()
        for _ in range(20):
            with store.read() as connection:
                assert ledger.verify(connection).sound
        for thread in threads:
            thread.join()
        assert len(actions(store)) == 30


def test_a_transaction_within_a_transaction_is_a_defect(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.write(), pytest.raises(RuntimeError, match="open already"), store.write():
        pass


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, pytest.raises(StoreError), store.read() as connection:
        connection.execute(insert(tables.names).values(commitment="a", salt=b"", name="b"))


def test_a_full_disk_is_told_in_a_sentence_and_nothing_is_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(tmp_path) as store:
        with store.write() as change:
            pages = change.exec_driver_sql("PRAGMA page_count").scalar_one()
            change.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        def fill() -> None:
            with store.write() as change:
                for _ in range(1000):
                    ledger.record(change, actor="Odette Lambin", action="too much")

        with pytest.raises(StoreError, match="the disk is full") as caught:
            fill()
        assert caught.value.exit_code == 40
        assert actions(store) == []

        def full(*_arguments: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "store.lock"))

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StoreError, match="No space left on device"):
        Store.open(tmp_path)


def test_a_file_that_is_no_database_is_left_alone_and_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"Liste des residents;" * 400)
    with pytest.raises(StoreError, match="the file is not a database"):
        Store.open(tmp_path)
    assert (tmp_path / "store.db").read_bytes().startswith(b"Liste des residents;")


def test_a_store_of_a_newer_beffroi_is_left_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.write() as change:
        change.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="made by a newer Beffroi"):
        Store.open(tmp_path)


def test_a_link_in_the_place_of_the_store_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "store.db").symlink_to(victim)
    with pytest.raises(StoreError):
        Store.open(data)
    assert not victim.exists()


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreError, match="File exists"):
        Store.open(tmp_path / "data")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(StoreError, match="belongs to another account"):
        Store.open(tmp_path)


def indexes(inspector: Inspector, name: str) -> list[tuple[str | None, object, object, str]]:
    return [
        (
            index["name"],
            index["column_names"],
            index["unique"],
            str(index.get("dialect_options", {}).get("sqlite_where")),
        )
        for index in inspector.get_indexes(name)
    ]


def test_the_migrations_make_the_tables_that_the_code_describes(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.read() as connection:
        made = inspect(connection)
        described = create_engine("sqlite://")
        tables.metadata.create_all(described)
        wanted = inspect(described)
        for name in wanted.get_table_names():
            columns = [(c["name"], str(c["type"]), c["nullable"]) for c in made.get_columns(name)]
            assert columns == [(c["name"], str(c["type"]), c["nullable"]) for c in wanted.get_columns(name)]
            assert made.get_foreign_keys(name) == wanted.get_foreign_keys(name)
            assert made.get_unique_constraints(name) == wanted.get_unique_constraints(name)
            assert made.get_check_constraints(name) == wanted.get_check_constraints(name)
            assert indexes(made, name) == indexes(wanted, name)
            assert (
                made.get_pk_constraint(name)["constrained_columns"]
                == wanted.get_pk_constraint(name)["constrained_columns"]
            )
            strict = connection.execute(text("SELECT strict FROM pragma_table_list WHERE name = :n"), {"n": name})
            assert strict.scalar() == 1
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == tables.HEAD
        described.dispose()


DUMPS = Path(__file__).parent / "dumps"
"""A store of each schema that was released, as SQL. One is added when a schema is superseded, and never changed."""


@pytest.mark.parametrize("dump", sorted(DUMPS.glob("*.sql")), ids=lambda dump: dump.stem)
def test_a_store_of_an_earlier_beffroi_is_brought_up_to_date_with_all_it_held(dump: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as raw:
        raw.executescript(dump.read_text("utf-8"))
        names = raw.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        held: dict[str, tuple[list[str], list[Any]]] = {}
        for (name,) in names:
            found = raw.execute(f"SELECT * FROM {name}")
            if name != "alembic_version":
                held[name] = [column[0] for column in found.description], found.fetchall()
        assert all(rows for _, rows in held.values())
    with Store.open(tmp_path) as store, store.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == tables.HEAD
        assert ledger.verify(connection).sound
        for name, (columns, rows) in held.items():
            query = text(f"SELECT {', '.join(columns)} FROM {name}")
            assert [tuple(row) for row in connection.execute(query)] == rows


def test_the_tables_can_be_made_in_postgresql() -> None:
    said: list[str] = []

    def told(statement: Any, *_: object, **__: object) -> None:
        said.append(str(statement.compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]

    tables.metadata.create_all(create_mock_engine("postgresql+psycopg://", told), checkfirst=False)
    made = "\n".join(said)
    assert "position BIGINT NOT NULL" in made
    assert "CREATE UNIQUE INDEX findings_are_open_once ON findings (kind, subject) WHERE closed IS NULL" in made


def test_the_store_survives_power_cuts_by_its_settings(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        with store.write() as change:
            settings = [change.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        assert settings == ["wal", 2]
        with store.read() as connection:
            assert connection.execute(select(tables.names)).all() == []
