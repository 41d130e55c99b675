"""A store, a rules folder, and the update of it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beffroi.rules import update
from beffroi.rules.update import Result
from beffroi.store import Store
from tests.rules.archives import SMALL, counted


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its tables made, to be copied: making them takes a third of a second."""
    data = tmp_path_factory.mktemp("store")
    Store.open(data).close()
    return data / "store.db"


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Iterator[Store]:
    (tmp_path / "data").mkdir(mode=0o700)
    shutil.copy(empty_store, tmp_path / "data")
    with Store.open(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "rules"


@pytest.fixture
def take(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(os, "sync", lambda: None)  # the machine's other work is none of these tests'

    def taken(source: Path | str, **options: object) -> Result:
        arguments: dict[str, object] = {"sha256": None, "try_rules": counted, "limits": SMALL}
        register = update.Direct(store, "Odette Lambin", folder)
        return update.update(source, folder=folder, register=register, **arguments | options)  # type: ignore[arg-type]

    return taken
