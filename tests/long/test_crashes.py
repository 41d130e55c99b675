"""The whole service killed at random moments while everybody sends: nothing acknowledged is missing, nothing is told twice."""

import contextlib
import io
import json
import os
import random
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from beffroi.cli.main import main
from beffroi.logs.journal import JournalReader
from tests import debian
from tests.logs.receivers.test_rsyslog import PACKAGES
from tests.service import senders
from tests.service.house import House
from tests.service.senders import Sender, mark, numbers_in
from tests.service.windows import RULE_ID, load_rule

# pylogbeat forgets to close what broke.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PLAIN = ("bulk", "hec", "otlp", "lumberjack")
DURING_START = 0.2
"""The share of kills that hit a service that is not up yet."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "house", plain=PLAIN)
    (tmp_path / "loaded").mkdir()
    shutil.copytree(load_rule(tmp_path / "loaded"), made.data, symlinks=True)
    with made:
        yield made


class Rsyslog(threading.Thread):
    """rsyslog with a queue that goes to disk, over RELP in TLS with a device's certificate: it reads a file to which lines are added
    all the time. It tells nobody what was acknowledged; in the end that must be all of it."""

    def __init__(self, folder: Path, house: House) -> None:
        super().__init__(name="relp", daemon=True)
        folder.mkdir()
        (folder / "work").mkdir()
        self.lines = 0
        self._folder = folder
        self._over = threading.Event()
        made = house.act("sources.certificate", name="rsyslog")
        for name in ("key", "certificate", "ca"):
            (folder / name).write_text(made[name])
        (folder / "rsyslog.conf").write_text(f"""
            global(workDirectory="{folder}/work" net.enableDNS="off")
            module(load="imfile" mode="polling" pollingInterval="1")
            module(load="omrelp" tls.tlslib="openssl")
            input(type="imfile" file="{folder}/in.log" tag="nuit:" ruleset="out")
            ruleset(name="out") {{ action(type="omrelp" target="127.0.0.1" port="{house.ports["relp"]}" tls="on"
                tls.authMode="certvalid" tls.caCert="{folder}/ca" tls.myCert="{folder}/certificate"
                tls.myPrivKey="{folder}/key" timeout="10" action.resumeRetryCount="-1" action.resumeInterval="1"
                action.resumeIntervalMax="1" queue.type="LinkedList" queue.size="500" queue.filename="relp"
                queue.maxDiskSpace="200m" queue.dequeueBatchSize="50" queue.saveOnShutdown="on") }}
        """)

    def run(self) -> None:
        with (self._folder / "in.log").open("a", buffering=1) as file:
            while not self._over.is_set():
                file.write("".join(mark("relp", number) + "\n" for number in range(self.lines, self.lines + 20)))
                self.lines += 20
                time.sleep(0.2)

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        root = debian.unpacked(*PACKAGES)
        arguments: list[str | Path] = [
            "-n",
            "-M",
            debian.modules(root, "rsyslog"),
            "-f",
            self._folder / "rsyslog.conf",
            "-i",
            self._folder / "pid",
        ]
        with debian.running(root, "usr/sbin/rsyslogd", *arguments, log=self._folder / "log"):
            self.start()
            yield

    def finish(self) -> None:
        self._over.set()
        self.join(10)


def kept(house: House) -> dict[str, set[int]]:
    """Protocol → the numbers of its events that are in the journal."""
    found: dict[str, set[int]] = defaultdict(set)
    position = 0
    with JournalReader(house.data / "journal", tell=lambda fault: pytest.fail(str(fault.what))) as reader:
        while arrivals := reader.read(position, 4 << 20):
            for at, arrival in arrivals:
                position = at
                for text in arrival.messages:
                    for protocol, number in numbers_in(text):
                        found[protocol].add(number)
    return found


def searched(house: House) -> dict[str, set[int]]:
    """The same, as a person who searches gets it."""
    found: dict[str, set[int]] = defaultdict(set)
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")) as out:
        assert main(["search", "--json", "--config", str(house.config)]) == 0
    out.seek(0)
    for line in out:
        for protocol, number in numbers_in(json.dumps(json.loads(line)).encode()):
            found[protocol].add(number)
    return found


def assert_nothing_missing(all_of: list[Sender], found: dict[str, set[int]]) -> None:
    for each in all_of:
        missing = set(range(each.acknowledged)) - found[each.name]
        assert not missing, (
            f"{each.name}: {len(missing)} of {each.acknowledged} acknowledged events are gone: {min(missing)}…"
        )


def assert_told_once(house: House, sent: int) -> None:
    """Each failed login that was acknowledged has its match, and none has two."""
    rows = house.rows("SELECT fields, identity FROM matches WHERE rule_id = ?", RULE_ID)
    logins = house.rows("SELECT count(DISTINCT identity), count(*) FROM matches WHERE rule_id = ?", RULE_ID)[0]
    assert logins[0] == logins[1] == len(rows)
    assert None not in {identity for _, identity in rows}
    assert len(rows) >= sent


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(5, marks=[pytest.mark.slow, pytest.mark.timeout(180)]),
        pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1_500)]),
    ],
)
def test_nothing_acknowledged_is_lost_however_often_it_is_killed(kills: int, house: House, tmp_path: Path) -> None:
    seed = int(os.environ.get("BEFFROI_SEED") or random.SystemRandom().getrandbits(32))
    print(f"{kills} kills, BEFFROI_SEED={seed}")
    chance = random.Random(seed)
    acknowledging = [senders.bulk(house), senders.hec(house), senders.otlp(house), senders.lumberjack(house)]
    hoping = [senders.syslog_tcp(house), senders.syslog_udp(house)]
    rsyslog = Rsyslog(tmp_path / "rsyslog", house)
    during_start = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(rsyslog.sending())
        for each in (*acknowledging, *hoping):
            stack.enter_context(each)
        for _ in range(kills):
            time.sleep(chance.uniform(0.1, 0.7))
            house.kill()
            house.launch()
            if chance.random() < DURING_START:
                during_start += 1
                time.sleep(chance.uniform(0.1, 1.5))
            else:
                house.ready()
        house.ready()
        time.sleep(1)
        rsyslog.finish()
        for each in (*acknowledging, *hoping):
            each.stop()
        until = time.monotonic() + 120
        while time.monotonic() < until and len(kept(house)["relp"]) < rsyslog.lines:
            time.sleep(1)
    house.settled(300)
    found = kept(house)
    print(f"{during_start} of them during the start")
    print(senders.told([*acknowledging, *hoping], found))
    print(f"relp: {rsyslog.lines} sent, {rsyslog.lines - len(found['relp'])} lost")
    for each in acknowledging:
        assert each.acknowledged >= senders.BATCH * kills
        assert each.resent >= kills / 4
    assert_nothing_missing(acknowledging, found)
    assert len(found["relp"]) == rsyslog.lines
    assert_told_once(house, acknowledging[0].acknowledged)
    again = searched(house)
    assert_nothing_missing(acknowledging, again)
    assert len(again["relp"]) == rsyslog.lines
