"""What all tests share: the corpus, and the rule that with the corpus present none of its tests is skipped."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

# A slow moment of a shared machine is no fault of ours. Nothing is explained, because that takes several times as long as to make
# a difference small. ./test --long looks ten times as far, and at other cases in every run, also where Hypothesis sees CI.
PHASES = set(hypothesis.Phase) - {hypothesis.Phase.explain}
hypothesis.settings.register_profile("house", deadline=None, phases=PHASES, print_blob=True)
hypothesis.settings.register_profile(
    "long", parent=hypothesis.settings.get_profile("house"), max_examples=1_000, derandomize=False
)

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("house" if config.option.markexpr else "long")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So it is in the background, and programs that tests start would inherit it. A handler they do not inherit.
        signal.signal(signal.SIGINT, lambda *_: None)


def corpus_folder() -> Path | None:
    """The folder of real data: BEFFROI_CORPUS, else the one beside the project; None where there is none."""
    folder = Path(os.environ.get("BEFFROI_CORPUS") or ROOT.parent / "shared" / "corpus")
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def corpus() -> Path:
    folder = corpus_folder()
    if folder is None:
        pytest.skip("no corpus: set BEFFROI_CORPUS to its folder")
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's own folder."""
    return ROOT


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test of the corpus that is skipped although the corpus is there has silently stopped testing: it fails."""
    report = yield
    if (
        report.skipped
        and "corpus" in getattr(item, "fixturenames", ())
        and corpus_folder()
        and not hasattr(report, "wasxfail")
    ):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped although the corpus is there: {reason}"
    return report
