"""What the tests of the store share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from beffroi.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened
