"""The whole service killed at random moments while everybody sends: nothing acknowledged is missing, nothing is told twice."""

import contextlib
import json
import os
import random
import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from beffroi.logs.archive import load_index
from tests import debian
from tests.logs.receivers.test_rsyslog import PACKAGES
from tests.service import adversity, senders
from tests.service.house import House, archived, searched
from tests.service.senders import Sender, mark, numbers_in
from tests.service.windows import RULE_ID, load_rule

# pylogbeat forgets to close what broke.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HURRY = """
from beffroi.logs.journal import Journal
Journal.open.__func__.__kwdefaults__["segment_bytes"] = 256 << 10
"""
"""Segments that are full soon: what is in the archive leaves the journal during the test."""
MANY = 100
"""Kills after which it is also waited until the journal was let go of; what correlations remember is stored twice a minute."""
DURING_START = 0.2
"""The share of kills that hit a service that is not up yet."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    often = adversity.constants(archiving__PAUSE=0.1, archiving__COMPACT=1.0, running__MINUTE=2.0)
    made = House(tmp_path / "house", plain=senders.PLAIN, python=adversity.python(tmp_path, f"{often}\n{HURRY}"))
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


def found_by_search(house: House) -> dict[str, Counter[int]]:
    """Protocol → the numbers of its events with how often a search finds each: in the archive, and in what of the journal is not there."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for event in searched(house):
        for protocol, number in set(numbers_in(json.dumps(event).encode())):
            found[protocol][number] += 1
    return found


def journal_begins(house: House) -> int:
    return min(int(path.name[:20]) for path in (house.data / "journal").glob("*.journal"))


def assert_each_once(all_of: list[Sender], found: dict[str, Counter[int]]) -> None:
    """All that was acknowledged, and nothing more often than it was sent: nearly all of it once."""
    for each in all_of:
        missing = set(range(each.acknowledged)) - found[each.name].keys()
        assert not missing, (
            f"{each.name}: {len(missing)} of {each.acknowledged} acknowledged events are gone: {min(missing)}…"
        )
        doubled = found[each.name] - each.tries
        assert not doubled, f"{each.name}: found more often than they were sent: {doubled.most_common(10)}"


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
        for number in range(kills):
            # Now and then it lives long enough to archive what came, merge it and let go of the journal.
            time.sleep(4 if number % 20 == 4 else chance.uniform(0.1, 0.7))
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
        while (missing := rsyslog.lines - len(found_by_search(house)["relp"])) and time.monotonic() < until:
            time.sleep(1)
    house.settled(300)
    archived(house)
    if kills >= MANY:
        until = time.monotonic() + 90
        while (begins := journal_begins(house)) == 0 and time.monotonic() < until:
            time.sleep(1)
        assert begins > 0
    found = found_by_search(house)
    print(f"{during_start} of them during the start")
    print(senders.told([*acknowledging, *hoping], found))
    print(f"relp: {rsyslog.lines} sent, {missing} lost")
    parts = load_index(house.data / "archive").parts
    print(
        f"archive: {sum(each.rows for each in parts)} events in {len(parts)} files; the journal begins at {journal_begins(house)}"
    )
    for each in acknowledging:
        assert each.acknowledged >= senders.BATCH * kills
        assert each.resent >= kills / 4
    assert missing == 0
    assert_each_once(acknowledging, found)
    assert_told_once(house, acknowledging[0].acknowledged)
