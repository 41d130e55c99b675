"""The bundle for whoever helps holds nothing about anybody."""

import json
import stat
import zipfile
from pathlib import Path

import pytest

from beffroi.cli.main import main
from beffroi.core.model import message
from beffroi.store import Store, findings

SECRETS = ("Odette", "Lambin", "203.0.113", "198.51.100", "secret-host", "secret-folder")


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
