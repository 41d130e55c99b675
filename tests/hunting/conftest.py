"""All of Sigma's rules, translated once for all tests that hunt with them."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def every_rule(corpus: Path) -> list[Path]:
    return [corpus / "sigma" / name for name in ("rules", "rules-emerging-threats", "rules-threat-hunting")]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where translated rules are kept between the hunts of one test run."""
    return tmp_path_factory.mktemp("kept")
