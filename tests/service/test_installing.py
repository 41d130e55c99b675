"""What `upgrade` does when something fails half-way. The whole story, in a bare Debian, is in tests/long/test_bare_roots.py."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from beffroi import __version__
from beffroi.core.errors import BeffroiError
from beffroi.core.model import Message
from beffroi.service import installing
from beffroi.service.installing import Places
from beffroi.store import Store

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as `upgrade` does")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A machine with an older version and its data; what would be done with systemd, which does not run here, is noted."""
    made = Places(tmp_path)
    for version in ("0.0.1", __version__):
        (made.versions / version / "packaging").mkdir(parents=True)
        (made.versions / version / "packaging" / installing.UNIT).write_text(f"# {version}\n")
    made.current.symlink_to("0.0.1")
    made.data.mkdir(parents=True)
    with Store.open(made.data):
        pass
    monkeypatch.setattr(installing, "_systemctl", lambda: "systemctl")
    monkeypatch.setattr(installing, "_systemd_runs", lambda: True)
    return made


def upgrade(places: Places, monkeypatch: pytest.MonkeyPatch, failing: str = "none") -> tuple[bool, list[str]]:
    """Whether it was done, and the commands of the system in their order; one with this word in it fails."""
    done: list[str] = []

    def run(command: Sequence[str], otherwise: Message, *, told: bool = False) -> None:
        del told
        done.append(" ".join(command[1:3]))
        if failing in command:
            raise BeffroiError("{what}", what=otherwise)

    monkeypatch.setattr(installing, "_run", run)
    return installing.upgrade(places, lambda _: None, program=places.versions / __version__), done


def test_what_goes_is_known_before(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.unit.parent.mkdir(parents=True)
    places.unit.touch()
    places.configuration.parent.mkdir(parents=True)
    assert installing.removed(places, purge=False) == [places.unit, places.versions]
    assert installing.removed(places, purge=True)[2:] == [places.data, places.configuration.parent]
    monkeypatch.setattr(installing, "_run", lambda *_: None)
    installing.uninstall(places, lambda _: None, purge=False)
    assert not places.versions.exists()
    assert (places.data / "store.db").exists()
    assert installing.removed(places, purge=False) == []


def test_a_version_that_comes_up_stays(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    done, commands = upgrade(places, monkeypatch)
    assert done
    assert commands == ["stop beffroi.service", "up --check", "daemon-reload", "start beffroi.service"]
    assert places.current.readlink() == Path(__version__)
    assert (places.data / f"before-{__version__}" / "store.db").exists()


@pytest.mark.parametrize("failing", ["--check", "start"])
def test_a_version_that_does_not_come_up_is_taken_back(
    failing: str, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, commands = upgrade(places, monkeypatch, failing)
    assert not done
    assert commands[-2:] == ["daemon-reload", "restart beffroi.service"]
    assert places.current.readlink() == Path("0.0.1")
    assert places.unit.read_text() == "# 0.0.1\n"


def test_data_that_cannot_be_copied_leave_the_old_version_running(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.data / "store.db").write_bytes(b"no database at all, however one looks at it" * 100)
    before = (places.data / "store.db").read_bytes()
    done, commands = upgrade(places, monkeypatch)
    assert not done
    assert commands == ["stop beffroi.service", "daemon-reload", "restart beffroi.service"]
    assert places.current.readlink() == Path("0.0.1")
    assert (places.data / "store.db").read_bytes() == before
