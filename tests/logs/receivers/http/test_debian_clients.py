"""What rsyslog and syslog-ng, as Debian builds them, really send over HTTP."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beffroi.logs.arrival import Form
from beffroi.logs.receivers.http.bulk import BulkReceiver
from beffroi.logs.receivers.http.exchange import Receiver
from beffroi.logs.receivers.http.hec import HecReceiver
from beffroi.logs.receivers.http.serving import Bounds
from tests import debian
from tests.logs.receivers.http.house import TOKEN, Keeper, serving, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
LINES = 300
RSYSLOG = ("rsyslog", "rsyslog-gnutls", "rsyslog-openssl", "rsyslog-relp", "rsyslog-elasticsearch")
SYSLOG_NG = ("syslog-ng-core", "syslog-ng-mod-http", "syslog-ng-scl")


@contextlib.contextmanager
def rsyslog(folder: Path, port: int, options: str = "") -> Iterator[None]:
    """An rsyslogd that reads a file of `LINES` lines and indexes them."""
    root = debian.unpacked(*RSYSLOG)
    (folder / "work").mkdir()
    (folder / "in.log").write_text("".join(f"line {number} of the n\u00fcit\n" for number in range(LINES)))
    (folder / "rsyslog.conf").write_text(f"""
        global(workDirectory="{folder}/work" net.enableDNS="off")
        module(load="imfile" mode="polling" pollingInterval="1")
        module(load="omelasticsearch")
        template(name="doc" type="list" option.jsonf="on") {{
            property(outname="host" name="hostname" format="jsonf")
            property(outname="message" name="msg" format="jsonf")
        }}
        input(type="imfile" file="{folder}/in.log" tag="nuit:" ruleset="out" readMode="0")
        ruleset(name="out" queue.type="linkedList" queue.dequeueBatchSize="50") {{
            action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" searchIndex="logs" template="doc"
                   bulkmode="on" uid="nas" pwd="{TOKEN}" action.resumeRetryCount="-1" action.resumeInterval="1"
                   healthchecktimeout="3000" errorfile="{folder}/errors.log" {options})
        }}
    """)
    arguments: list[str | Path] = ["-n", "-M", debian.modules(root, "rsyslog")]
    arguments += ["-f", folder / "rsyslog.conf", "-i", folder / "pid"]
    with debian.running(root, "usr/sbin/rsyslogd", *arguments, log=folder / "rsyslogd.log"):
        yield


@contextlib.contextmanager
def syslog_ng(folder: Path, destination: str) -> Iterator[None]:
    """A syslog-ng that reads a file of `LINES` lines and sends them on."""
    root = debian.unpacked(*SYSLOG_NG)
    (folder / "in.log").write_text("".join(f"line {number} of the n\u00fcit\n" for number in range(LINES)))
    library = root / "usr/share/syslog-ng/include/scl/elasticsearch/elastic-http.conf"
    (folder / "ng.conf").write_text(f"""@version: 3.38\n@include "{library}"
        source s {{ file("{folder}/in.log" flags(no-parse) follow-freq(1) program-override("nuit")); }};
        destination d {{ {destination}; }};
        log {{ source(s); destination(d); }};
    """)
    own = {"cfgfile": "ng.conf", "persist-file": "persist", "control": "control", "pidfile": "pid"}
    paths = [f"--{option}={folder / name}" for option, name in own.items()]
    arguments = ["--foreground", "--stderr", "--no-caps", f"--module-path={debian.modules(root, 'syslog-ng/3.38')}"]
    with debian.running(root, "usr/sbin/syslog-ng", *arguments, *paths, log=folder / "syslog-ng.log"):
        yield


def _numbers(keeper: Keeper, text: Callable[[dict[str, str]], str]) -> list[int]:
    """The line of each message, which must be one of ours and whole; each once, in the order of their first coming."""
    found: dict[int, None] = {}
    for each in keeper.messages:
        line = text(json.loads(each)).strip()
        assert line.startswith("line "), line
        assert line.endswith(" of the n\u00fcit"), line
        found[int(line.split()[1])] = None
    return list(found)


def _has_all(keeper: Keeper, seconds: float = 60) -> None:
    until(lambda: len({*keeper.messages}) >= LINES, seconds)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("busy", [0, 3])
def test_rsyslog_indexes_all_and_comes_again(tmp_path: Path, busy: int, full: bool) -> None:
    keeper = Keeper(busy=busy, full=full, tokens={TOKEN})
    with serving(BulkReceiver(keeper)) as port, rsyslog(tmp_path, port):
        _has_all(keeper)
    assert sorted(_numbers(keeper, lambda document: document["message"])) == list(range(LINES))
    assert {batch.form for batch in keeper.batches} == {Form.JSON}
    assert {(proof.token, proof.name) for proof in keeper.proofs if proof.token} == {(TOKEN, "nas")}
    assert not (tmp_path / "errors.log").exists() or busy


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("busy", [0, 2])
def test_syslog_ng_indexes_all_and_comes_again(tmp_path: Path, busy: int, full: bool) -> None:
    keeper = Keeper(busy=busy, full=full, tokens={TOKEN})
    with serving(BulkReceiver(keeper)) as port:
        destination = (
            f'elasticsearch-http(url("http://127.0.0.1:{port}/_bulk") index("logs") type("") user("ng") password("{TOKEN}")'
            ' batch-lines(50) batch-timeout(500) time-reopen(1) template("$(format-json host=$HOST message=$MSG)"))'
        )
        with syslog_ng(tmp_path, destination):
            _has_all(keeper)
    assert sorted(_numbers(keeper, lambda document: document["message"])) == list(range(LINES))


@pytest.mark.parametrize("between", ["", "\\n"])
@pytest.mark.parametrize("busy", [0, 2])
def test_syslog_ng_speaks_to_splunk(tmp_path: Path, busy: int, between: str) -> None:
    keeper = Keeper(busy=busy, tokens={TOKEN})
    with serving(HecReceiver(keeper)) as port:
        destination = (
            f'http(url("http://127.0.0.1:{port}/services/collector/event") method("POST") time-reopen(1) retries(100)'
            f' headers("Authorization: Splunk {TOKEN}", "Connection: close") batch-lines(50) batch-timeout(500)'
            f' delimiter("{between}") body("$(format-json event=$MSG host=$HOST time=$UNIXTIME)"))'
        )
        with syslog_ng(tmp_path, destination):
            _has_all(keeper)
    assert sorted(_numbers(keeper, lambda envelope: envelope["event"])) == list(range(LINES))


@pytest.mark.parametrize("kind", [BulkReceiver, HecReceiver])
def test_syslog_ng_over_connections_that_are_cut(tmp_path: Path, kind: type[Receiver]) -> None:
    """A server that is impatient with idle connections loses nothing."""
    keeper = Keeper()
    path = "/_bulk" if kind is BulkReceiver else "/services/collector"
    body = r"{\"index\":{}}\n$(format-json event=$MSG)\n" if kind is BulkReceiver else "$(format-json event=$MSG)"
    with serving(kind(keeper), bounds=Bounds(idle=0.1)) as port:
        destination = (
            f'http(url("http://127.0.0.1:{port}{path}") method("POST") batch-lines(20) time-reopen(1) workers(2)'
            f' body("{body}"))'
        )
        with syslog_ng(tmp_path, destination):
            _has_all(keeper)
    assert sorted(_numbers(keeper, lambda each: each["event"])) == list(range(LINES))
