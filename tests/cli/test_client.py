"""How commands act: through the service, or in their own process; one at a time, as the folder's owner, through crashes."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import text

from beffroi.cli.client import act
from beffroi.core.config import Config
from beffroi.core.errors import StoreBusyError, StoreError, UsageError
from beffroi.store import Store, ledger
from beffroi.web import local
from beffroi.web.app import application

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")


@contextmanager
def service(config: Config) -> Iterator[Store]:
    """The application on its socket, as the service offers it."""
    with Store.open(config.data_dir) as store:
        listening = local.listen(config.data_dir)
        server = uvicorn.Server(uvicorn.Config(application(store, local.owner), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield store
        finally:
            server.should_exit = True
            thread.join(10)
            listening.close()


def beffroi(config: Config, *arguments: str, prelude: str = "") -> "subprocess.Popen[str]":
    """Start a real command; `prelude` is run before it, in its process."""
    program = f"import sys\n{prelude}\nfrom beffroi.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--data-dir", str(config.data_dir), "--lang", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )


def actions(config: Config) -> list[str]:
    with Store.open(config.data_dir) as store, store.read() as connection:
        assert ledger.verify(connection).sound
        return [entry.action for entry in ledger.entries(connection)]


def test_without_a_service_the_command_does_it_itself(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    made = act(config, "sources.token", {"name": "NAS"})
    assert [row["id"] for row in act(config, "sources.list")] == [made["id"]]
    assert [row["actor"] for row in act(config, "ledger.show")] == [local.account()]


@pytest.mark.slow
def test_with_a_service_it_asks_the_service(config: Config) -> None:
    with service(config) as store:
        made = act(config, "sources.token", {"name": "NAS"})
        with store.read() as connection:
            assert [entry.details["source"] for entry in ledger.entries(connection)] == [made["id"]]
    assert [row["id"] for row in act(config, "sources.list")] == [made["id"]]


@pytest.mark.slow
@pytest.mark.parametrize("running", [True, False])
def test_the_ledger_names_who_typed_the_command_also_behind_sudo(
    running: bool, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "odétte")
    if running:
        with service(config):
            act(config, "sources.token", {"name": "NAS"})
    else:
        act(config, "sources.token", {"name": "NAS"})
    expected = "odétte" if os.geteuid() == 0 else local.account()
    assert [row["actor"] for row in act(config, "ledger.show")] == [expected]


@pytest.mark.parametrize("said", ["", "%1b%5b2J", "x" * 65, "%E2%80%AEx"])
def test_a_name_that_is_none_is_not_taken_for_one(said: str, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beffroi.cli.client.quote", lambda _name: said)
    act(config, "sources.token", {"name": "NAS"})
    assert [row["actor"] for row in act(config, "ledger.show")] == [local.account()]


@pytest.mark.slow
@pytest.mark.parametrize("running", [True, False])
def test_an_error_is_the_same_either_way(running: bool, config: Config) -> None:
    def fails() -> None:
        with pytest.raises(UsageError) as caught:
            act(config, "sources.accept", {"source": "nobody"})
        assert str(caught.value) == 'There is no source "nobody"; `beffroi sources list` shows them'

    if running:
        with service(config):
            fails()
    else:
        fails()


def test_what_a_dead_service_left_stands_in_nobody_s_way(config: Config) -> None:
    Store.open(config.data_dir).close()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(config.data_dir / local.NAME))
    assert act(config, "sources.list") == []


def test_a_service_that_dies_while_it_answers_is_told(config: Config) -> None:
    Store.open(config.data_dir).close()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(config.data_dir / local.NAME))
        server.listen()
        server.settimeout(10)

        def die() -> None:
            server.accept()[0].close()  # whether somebody listens was asked first
            with server.accept()[0] as connection:
                connection.recv(10)

        dying = threading.Thread(target=die)
        dying.start()
        with pytest.raises(StoreError, match="stopped answering"):
            act(config, "sources.list")
        dying.join(10)


def test_what_is_no_beffroi_is_not_believed(config: Config) -> None:
    Store.open(config.data_dir).close()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(config.data_dir / local.NAME))
        server.listen()
        server.settimeout(10)

        def lie() -> None:
            server.accept()[0].close()
            with server.accept()[0] as connection:
                connection.recv(100_000)
                connection.sendall(b"HTTP/1.1 500 x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        lying = threading.Thread(target=lie)
        lying.start()
        with pytest.raises(Exception, match="start the service again"):
            act(config, "sources.list")
        lying.join(10)


@pytest.mark.slow
def test_another_command_is_waited_for_and_then_named(config: Config) -> None:
    with Store.open(config.data_dir), pytest.raises(StoreBusyError, match=f"process {os.getpid()}"):
        act(config, "sources.list", wait=0.1)


@pytest.mark.slow
def test_a_service_that_is_starting_is_asked_once_it_listens(config: Config) -> None:
    started = threading.Event()
    done: list[object] = []

    def command() -> None:
        started.set()
        done.append(act(config, "sources.list"))

    thread = threading.Thread(target=command)
    with Store.open(config.data_dir) as store:
        thread.start()
        started.wait(5)
        thread.join(0.5)
        assert not done
        listening = local.listen(config.data_dir)
        server = uvicorn.Server(uvicorn.Config(application(store, local.owner), log_level="critical", lifespan="off"))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        serving.start()
        thread.join(10)
        server.should_exit = True
        serving.join(10)
        listening.close()
    assert done == [[]]


@pytest.mark.slow
def test_many_commands_at_once_all_do_their_part(config: Config) -> None:
    Store.open(config.data_dir).close()
    started = [beffroi(config, "sources", "token", f"NAS {number}") for number in range(6)]
    tokens = [process.communicate(timeout=50)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 6
    assert len(set(tokens)) == 6
    assert actions(config) == ["sources.token"] * 6


@pytest.mark.slow
def test_kill_9_in_the_middle_of_an_action_leaves_nothing_of_it(config: Config) -> None:
    act(config, "sources.token", {"name": "NAS"})
    die = "import os\nfrom beffroi.store import feed\nfeed.tell = lambda *_: os.kill(os.getpid(), 9)"
    process = beffroi(config, "sources", "rename", "NAS", "Autre", prelude=die)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert [row["name"] for row in act(config, "sources.list")] == ["NAS"]
    assert actions(config) == ["sources.token"]


@pytest.mark.slow
def test_a_store_of_a_newer_beffroi_is_told_in_a_sentence(config: Config) -> None:
    with Store.open(config.data_dir) as store, store.write() as change:
        change.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    process = beffroi(config, "sources", "list")
    said = process.communicate(timeout=30)[1]
    assert (process.returncode, "Traceback" in said) == (40, False)
    assert "it was made by a newer Beffroi" in said


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[Config]:
    """A house whose folder belongs to an account that has no name here, where others than root get as far as its door."""
    with tempfile.TemporaryDirectory() as outside:
        Path(outside).chmod(0o755)
        data = Path(outside) / "data"
        data.mkdir(mode=0o700)
        os.chown(data, 12345, 12345)
        yield Config(data_dir=data, cache_dir=tmp_path / "cache")


@pytest.mark.slow
@needs_root
def test_root_becomes_the_folder_s_owner_before_anything_is_opened(owned: Config) -> None:
    see = (
        "import os, atexit\n"
        "atexit.register(lambda: print(os.getresuid(), os.getresgid(), os.getgroups(), file=sys.stderr))"
    )
    process = beffroi(owned, "sources", "token", "NAS", prelude=see)
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out.startswith("beffroi_")) == (0, True), said
    assert "(12345, 12345, 12345) (12345, 12345, 12345) [12345]" in said
    assert {path.stat().st_uid for path in owned.data_dir.iterdir()} == {12345}


@needs_root
@pytest.mark.slow
def test_root_writes_a_certificate_where_only_root_may(owned: Config, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = beffroi(owned, "sources", "certificate", "NAS", "--out", str(out), "--json")
    said, wrong = process.communicate(timeout=30)
    assert process.returncode == 0, wrong
    assert {path.name: path.stat().st_uid for path in out.iterdir()} == {"NAS.key": 0, "NAS.crt": 0, "ca.crt": 0}
    assert json.loads(said)["files"]["key"] == str(out / "NAS.key")
    assert {path.stat().st_uid for path in owned.data_dir.rglob("*")} == {12345}
    again = beffroi(owned, "sources", "certificate", "NAS", "--out", str(tmp_path / "other"))
    assert "--renew" in again.communicate(timeout=30)[1]
    assert again.returncode == 2


@pytest.mark.slow
@needs_root
def test_another_account_is_told_to_use_sudo(owned: Config) -> None:
    drop = (
        "import os\n"
        "os.environ['HOME'] = '/nonexistent'\n"
        "os.setgroups([]); os.setresgid(12346, 12346, 12346); os.setresuid(12346, 12346, 12346)"
    )
    process = beffroi(owned, "sources", "list", prelude=drop)
    said = process.communicate(timeout=30)[1]
    assert (process.returncode, "try again with sudo" in said) == (40, True), said


@pytest.mark.slow
@needs_root
def test_a_folder_that_its_owner_may_not_write_is_told(owned: Config) -> None:
    (owned.data_dir / "store.db").mkdir(mode=0o500)
    process = beffroi(owned, "sources", "list")
    said = process.communicate(timeout=30)[1]
    assert (process.returncode, "Traceback" in said) == (40, False), said


@pytest.mark.slow
def test_rules_are_switched_and_listed_while_the_service_runs(config: Config) -> None:
    with service(config):
        process = beffroi(config, "rules", "switch", "some-rule", "off", "--reason", "paie")
        assert process.communicate(timeout=30)[0] == "The rule some-rule is off.\n"
        assert act(config, "rules.off") == ["some-rule"]
