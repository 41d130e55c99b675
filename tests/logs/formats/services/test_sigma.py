"""SigmaHQ's own rules, as an operator loads them, on lines of services: the log source and the names are those they ask for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.arrival import Form
from beffroi.logs.formats.normal import Context
from beffroi.logs.formats.understood import normalise
from tests.logs.formats.appliances.test_sigma import fires

NOW = Context(datetime(2026, 3, 4, tzinfo=UTC), UTC)
ACCESS = '203.0.113.9 - - [04/Mar/2026:10:11:12 +0100] "{} HTTP/1.1" 200 1 "-" "{}"'
LINES = {
    "linux/auditd/execve/lnx_auditd_capabilities_discovery.yml": 'type=EXECVE msg=audit(1772615472.250:77): argc=3 a0="getcap" a1="-r" a2="/"',
    "linux/builtin/sshd/lnx_sshd_susp_ssh.yml": "Mar  4 10:11:12 nas sshd-session[7]: error: x: incorrect signature",
    "web/webserver_generic/web_f5_tm_utility_bash_api_request.yml": ACCESS.format("POST /mgmt/tm/util/bash", "curl"),
    "web/webserver_generic/web_path_traversal_exploitation_attempt.yml": ACCESS.format("GET /a?b=../../../../../../etc/passwd", "curl"),
    "web/webserver_generic/web_susp_useragents.yml": ACCESS.format("GET /", "sqlmap/1.8"),
    "web/webserver_generic/web_sql_injection_in_access_logs.yml": ACCESS.format("GET /a?b=x%20union%20all%20select%20", "curl"),
    "web/product/nginx/web_nginx_core_dump.yml": "2026/03/04 10:11:12 [alert] 7#7: worker process 8 exited on signal 6 (core dumped)",
}  # fmt: skip


@pytest.mark.parametrize("path", LINES)
def test_rules_for_services_fire_on_their_lines(corpus: Path, path: str) -> None:
    [found] = normalise(Form.LINE, LINES[path].encode(), NOW)
    assert fires(corpus / "sigma" / "rules" / path, found.logsource or LogSource(), found.fields), found
