"""What the tests of incidents share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from beffroi.incidents.raising import Raiser
from beffroi.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def raiser(store: Store) -> Raiser:
    return Raiser(store)
