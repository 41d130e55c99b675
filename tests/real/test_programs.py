"""Whatever the real programs write of what was done to them is understood, in every format that carries it, and nothing else is told."""

import pytest

from tests.real.programs import PROGRAMS, judged

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "name",
    # The kernel has one audit for all: it is borrowed in the long run only.
    [pytest.param(name, marks=pytest.mark.long) if name == "auditd" else name for name in PROGRAMS],
)
def test_what_is_done_to_a_real_program_is_told(name: str) -> None:
    found = judged(PROGRAMS[name])
    assert found.misses == []
    assert found.right == found.wanted > 0
    assert found.lines > 0
