"""The bundle for whoever helps holds nothing about anybody."""

import json
import os
import signal
import socket
import sqlite3
import stat
import time
import zipfile
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from beffroi.cli.main import main
from beffroi.core.model import message
from beffroi.service.bundle import Pseudonyms, tail
from beffroi.store import Store, findings
from tests.service.house import House

PLANTED = (
    "Odette", "Lambin", "odette.lambin@tilleuls.example", "192.168.7.20", "192.168.7.21", "2001:db8::7", "203.0.113",
    "52:54:00:12:34:56", "secret-host", "secret-folder", "secret-claim", "00.01.01-000",
)  # fmt: skip
SECRETS = ("Odette", "Lambin", "203.0.113", "198.51.100", "secret-host", "secret-folder")


@pytest.mark.slow
def test_no_secret_of_the_house_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "secret-folder"
    folder.mkdir()
    config = folder / "beffroi.toml"
    config.write_text(
        f'[paths]\ndata = "{folder}/data"\n[listen]\nrelp = "203.0.113.7:2514"\nnetworks = ["198.51.100.0/24"]\n'
        '[read]\nfiles = ["/srv/Lambin/*.log"]\n'
    )
    house = ["--config", str(config)]
    assert main(["sources", "token", "Odette Lambin secret-host", *house]) == 0
    token = next(word for word in capsys.readouterr().out.split() if word.startswith("beffroi_"))
    rules = folder / "data" / "rules" / "Odette Lambin"
    rules.mkdir(parents=True)
    (rules / "Lambin.yml").write_text("title: Odette\n")
    with Store.open(folder / "data") as store, store.write() as change:
        findings.raise_(change, "network.unheard", "203.0.113.9", "low", message("{name} is there", name="Odette"))
    out = tmp_path / "bundle.zip"
    command = ["support", "--out", str(out), *house]
    assert main(command) == 2  # nobody can be asked
    assert not out.exists()
    capsys.readouterr()
    assert main([*command, "--yes", "--show", "--lang", "en"]) == 0
    printed = capsys.readouterr().out.replace(str(out), "")
    with zipfile.ZipFile(out) as bundle:
        files = {name: bundle.read(name).decode() for name in bundle.namelist()}
    held = "\n".join([*files, *files.values()])
    assert [secret for secret in (*SECRETS, token) if secret in held or secret in printed] == []
    assert [each["state"] for each in json.loads(files["sources.json"])] == ["accepted"]
    assert [each["kind"] for each in json.loads(files["findings.json"])] == ["network.unheard"]
    assert json.loads(files["sizes.json"])["rules"]["files"] == 1
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert main([*command, "--yes"]) == 2  # what is there stays


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_that_a_real_house_was_given_is_in_its_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "Odette Lambin")
    folder = tmp_path / "secret-folder"
    followed = folder / "Odette-Lambin.log"
    settings = f'files = ["{followed}"]\n'
    with House(folder, plain=("bulk",), settings=settings) as house:
        secrets = [*PLANTED, *plant(house, followed)]
        house.settled()
        os.kill(understanding(house), signal.SIGKILL)
        until = time.monotonic() + 60
        while time.monotonic() < until and not any("begun again" in line for line in house.act("log")):
            time.sleep(0.1)
        out = tmp_path / "bundle.zip"
        assert main(["support", "--out", str(out), "--yes", "--show", "--config", str(house.config)]) == 0
        printed = capsys.readouterr().out.replace(str(out), "")
        log = (folder / "log").read_text()
    with zipfile.ZipFile(out) as bundle:
        files = {name: bundle.read(name).decode() for name in bundle.namelist()}
    held = "\n".join([*files, *files.values()])
    for secret in secrets:
        assert secret not in held, f"{secret} is in the bundle"
        assert secret not in printed, f"{secret} is shown"
        assert secret not in log, f"{secret} is in the log"
    lines = json.loads(files["log.json"])["lines"]
    assert any("receivers" in line["message"] for line in lines)
    assert any("ended with code -9" in line["message"] for line in lines)
    sources = json.loads(files["sources.json"])
    addresses = [each["address"] for each in sources if each["address"]]
    assert sorted(addresses) == ["address-1", "address-2"]
    assert len({each["name"] for each in sources}) == len(sources)


def understanding(house: House) -> int:
    """The process that understands."""
    assert house.process is not None
    pid = house.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"watching.process" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise LookupError


def plant(house: House, followed: Path) -> list[str]:
    """Have names, addresses and secrets wherever a house takes something in; the secrets that were made."""
    token = house.act("sources.token", name="NAS of Odette Lambin")["token"]
    device = house.act("sources.certificate", name="PC of Odette Lambin")
    with closing(sqlite3.connect(house.data / "store.db", timeout=30)) as store, store:
        for number, (address, claim) in enumerate((("192.168.7.20", "secret-claim"), ("2001:db8::7", "Odette")), 1):
            store.execute(
                "INSERT INTO sources (id, name, claimed, kind, assurance, state, proof_kind, proof, created) "
                "VALUES (?, ?, ?, 'syslog_udp', 0, 'new', 'address', ?, '2026-11-26T00:00:00.000Z')",
                (f"s-000000000{number}", address, claim, address),
            )
        store.execute(
            "INSERT INTO findings (kind, subject, severity, message, first_seen, last_seen) VALUES ('network.unheard', "
            "'52:54:00:12:34:56', 'low', '[\"{name} is there\", {\"name\": \"Odette\"}]', '2026-11-26', '2026-11-26')"
        )
    said = "Odette Lambin 00.01.01-000 odette.lambin@tilleuls.example from 203.0.113.9 on secret-host"
    followed.write_text(f"{said}\n")
    (house.data / "drop" / "Odette Lambin.zip").write_text(f"no archive: {said}")
    (house.data / "drop" / "Odette.evtx").write_bytes(b"ElfFile\0" + said.encode() * 99)
    with socket.create_connection(("127.0.0.1", house.ports["syslog_tcp"])) as sender:
        sender.sendall(f"<38>Nov 26 03:00:00 secret-host sshd[1]: Failed password for {said} port 4711 ssh2\n".encode())
    # Whatever its reader makes of it, the log must not quote it.
    url = f"http://127.0.0.1:{house.ports['bulk']}/_bulk"
    for document in ({"message": said, "Event": {"System": {"EventID": said}}}, {"message": said, "winlog": said}):
        httpx.post(url, content='{"create":{}}\n' + json.dumps(document) + "\n")
    httpx.post(f"{url}?{said.replace(' ', '+')}", content=said, headers={"Authorization": f"ApiKey {said}"})
    return [token, device["key"], device["key"].splitlines()[1]]


def line(message: str, **more: str) -> str:
    return json.dumps(
        {"time": "2026-11-26T00:00:00.000Z", "level": "info", "logger": "beffroi.x", "message": message, **more}
    )


def test_an_address_has_one_pseudonym_in_a_bundle_however_it_is_written() -> None:
    others = Pseudonyms(["NAS", "PC de l’accueil"])
    made = others.address("2001:db8::7")
    log = [
        line("192.168.7.20 and 2001:DB8:0::7, then 192.168.7.20:514", error="by nas at 52-54-00-12-34-56"),
        line("[2001:db8::7] is PC DE L’ACCUEIL, 52:54:00:12:34:56, a@b.example; version 1.2.3 at 12:30:45"),
        line("beffroi_" + "a" * 32 + " -----BEGIN PRIVATE KEY-----\nabc"),
    ]
    told = tail(log, others)
    first, second, third = told["lines"]
    assert (made, told["left_out"]) == ("address-1", 0)
    assert first["message"] == "address-2 and address-1, then address-2:514"
    assert first["error"] == "by name-1 at hardware-1"
    assert second["message"] == "[address-1] is name-2, hardware-1, name-3; version 1.2.3 at 12:30:45"
    assert third["message"] == "… …"


def test_lines_that_are_not_of_our_making_are_counted_and_left_out() -> None:
    log = ["Traceback: Odette", "[]", line("fine"), line("x", raw="Odette"), json.dumps({"message": 7}), ""]
    told = tail(log, Pseudonyms())
    assert ([each["message"] for each in told["lines"]], told["left_out"]) == (["fine"], 5)
