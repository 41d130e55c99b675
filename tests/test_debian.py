import subprocess
import sys
from pathlib import Path

import pytest

from tests import debian

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_programs_that_conflict_stand_side_by_side(tmp_path: Path) -> None:
    rsyslog = debian.unpacked("rsyslog", "rsyslog-relp", "rsyslog-gnutls", "rsyslog-openssl", "rsyslog-elasticsearch")
    syslog_ng = debian.unpacked("syslog-ng-core")
    assert rsyslog != syslog_ng
    assert debian.ran(rsyslog, "usr/sbin/rsyslogd", "-v").stdout.startswith("rsyslogd ")
    assert "--syslog-proto" in debian.ran(syslog_ng, "usr/bin/loggen", "--help-all").stdout
    assert (debian.modules(rsyslog, "rsyslog") / "omrelp.so").exists()


def test_a_set_is_made_once_however_many_ask_at_once() -> None:
    asking = "from tests import debian; print(debian.unpacked('hello', 'hello'))"
    both = [
        subprocess.Popen([sys.executable, "-c", asking], cwd=debian.ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    first, second = (process.communicate(timeout=120)[0] for process in both)
    assert first == second
    assert Path(first.strip(), "usr/bin/hello").exists()
    assert not list(debian.FOLDER.glob("making-*"))


def test_a_program_runs_as_long_as_its_block(tmp_path: Path) -> None:
    hello = debian.unpacked("hello")
    with debian.running(hello, "usr/bin/hello", "--greeting=Bonjour", log=tmp_path / "log") as process:
        assert process.wait(timeout=10) == 0
    assert (tmp_path / "log").read_text() == "Bonjour\n"
