"""A real service in a process of its own, with a data folder of its own, for tests that need a whole house."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from beffroi.web import local

RECEIVERS = ("syslog_udp", "syslog_tcp", "syslog_tls", "relp", "bulk", "hec", "otlp", "lumberjack")
PATIENCE = 60.0  # seconds for anything to happen on a busy machine


class _OverSocket(http.client.HTTPConnection):
    """A connection to the house's own socket."""

    def __init__(self, data: Path) -> None:
        super().__init__("beffroi", timeout=90)
        self._data = data

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        with local.reached(self._data) as path:
            self.sock.connect(path)


class House:
    """One house. `with House(folder) as house:` starts it and waits until it is ready."""

    def __init__(
        self, folder: Path, *, plain: tuple[str, ...] = (), settings: str = "", cache: Path | None = None,
        env: Mapping[str, str] | None = None, listen: str = "",
    ) -> None:  # fmt: skip
        self.folder = folder
        self.data = folder / "data"
        self.ports = dict.fromkeys(RECEIVERS, 0)
        """Where each receiver listens: any free port at the first start, the same ones afterwards."""
        self.process: subprocess.Popen[bytes] | None = None
        self._env = {**os.environ, **(env or {})}
        folder.mkdir(exist_ok=True)
        self.config = folder / "beffroi.toml"
        named = ", ".join(f'"{name}"' for name in plain)
        self._text = (
            f'[paths]\ndata = "{self.data}"\ncache = "{cache or folder / "cache"}"\n'
            f"[read]\njournal = false\n{settings}\n[listen]\nplain = [{named}]\n{listen}"
        )
        self._configure()

    def _configure(self) -> None:
        listen = "\n".join(f'{name} = "127.0.0.1:{port}"' for name, port in self.ports.items())
        self.config.write_text(f"{self._text}{listen}\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.ready()

    def launch(self) -> None:
        """Start it, and go on at once."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-X", "utf8", "-m", "beffroi", "up", "--config", self.config],
                stdin=subprocess.DEVNULL, stderr=log, env=self._env, start_new_session=True,
            )  # fmt: skip

    def ready(self) -> None:
        """Wait until all its receivers listen and the rules are loaded."""
        assert self.process is not None
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(self.log())
            try:
                if (status := self.act("status"))["rules"] and all(each["port"] for each in status["receivers"]):
                    self.ports = {each["name"]: each["port"] for each in status["receivers"]}
                    self._configure()
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise TimeoutError(self.log())

    def kill(self) -> None:
        """As a power cut would: the service and all it started, at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self) -> int:
        """As systemd would; its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self.process = None

    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text("utf-8", "replace")[-4_000:]

    def act(self, action: str, /, **arguments: Any) -> Any:
        """Do an Action over its socket."""
        connection = _OverSocket(self.data)
        try:
            connection.request(
                "POST", f"/actions/{action}", json.dumps(arguments), {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            said = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(said)
        return said

    def metrics(self) -> str:
        """Its figures, as Prometheus asks for them."""
        connection = _OverSocket(self.data)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            assert response.status == 200
            return response.read().decode()
        finally:
            connection.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What its store holds."""
        with closing(sqlite3.connect(f"file:{self.data / 'store.db'}?mode=ro", uri=True, timeout=10)) as store:
            return store.execute(query, values).fetchall()

    def until(self, query: str, *values: object, patience: float = PATIENCE) -> list[tuple[Any, ...]]:
        """Wait until a query finds something, and give it; what it gives at last where it never does."""
        until = time.monotonic() + patience
        while not (found := self.rows(query, *values)) and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def settled(self, patience: float = PATIENCE) -> None:
        """Wait until everything that is on disk is understood."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            status = self.act("status")
            if status["journal_lag_s"] == 0 and status["events_per_second"] >= 0:
                return
            time.sleep(0.05)
        raise TimeoutError(self.log())
