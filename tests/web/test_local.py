"""The Unix socket: its owner's alone, and found however deep the folder lies."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from beffroi.core.errors import StoreError
from beffroi.store import Store
from beffroi.web import local
from beffroi.web.app import application


@contextmanager
def served(data: Path) -> Iterator[Store]:
    """The application on the socket of a data folder, in a thread of this process."""
    with Store.open(data) as store:
        listening = local.listen(data)
        server = uvicorn.Server(uvicorn.Config(application(store, local.owner), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield store
        finally:
            server.should_exit = True
            thread.join(10)
            listening.close()
            assert not thread.is_alive()


def ask(data: Path) -> int:
    with local.reached(data) as path, httpx.Client(transport=httpx.HTTPTransport(uds=path)) as client:
        return client.post("http://beffroi/actions/ledger.verify", json={}).status_code


@pytest.mark.slow
def test_commands_reach_the_application_over_the_socket(tmp_path: Path) -> None:
    with served(tmp_path / "data"):
        assert ask(tmp_path / "data") == 200
        assert stat.S_IMODE((tmp_path / "data" / local.NAME).stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_folder_may_lie_deeper_than_a_socket_s_path_may_be_long(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["x" * 50] * 4)
    deep.mkdir(parents=True)
    with served(deep):
        assert ask(deep) == 200


@pytest.mark.slow
def test_a_socket_that_a_dead_service_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / local.NAME))
    with served(tmp_path):
        assert ask(tmp_path) == 200


def test_what_cannot_listen_is_told(tmp_path: Path) -> None:
    (tmp_path / local.NAME).mkdir()
    with pytest.raises(StoreError, match=r"beffroi\.sock"):
        local.listen(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_account_does_not_reach_it() -> None:
    with tempfile.TemporaryDirectory() as outside:
        Path(outside).chmod(0o755)
        kept_out(Path(outside) / "data")


def kept_out(data: Path) -> None:
    code = f"""if True:
        import os, socket
        os.setgroups([]); os.setresgid(12345, 12345, 12345); os.setresuid(12345, 12345, 12345)
        try:
            socket.socket(socket.AF_UNIX).connect({str(data / local.NAME)!r})
        except PermissionError:
            print("kept out")
    """
    with served(data):
        said = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "kept out\n"
