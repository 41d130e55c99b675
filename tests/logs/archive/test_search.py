import heapq
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from beffroi.core.errors import BeffroiError, InputError, StoreError, UsageError
from beffroi.core.model import Fault, LogSource
from beffroi.logs.archive import Archiver, Query, Row, load_index, search
from tests.logs.archive.made import DAY, NOON, SSHD, found, numbers, row, rows


def archived(folder: Path, events: list[Row]) -> Path:
    archiver = Archiver(folder)
    archiver.add(sorted(events, key=lambda row: (row.position, row.place)))
    archiver.flush()
    archiver.close()
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archived(tmp_path_factory.mktemp("archive [1]*'"), list(rows(0, 1_000)))


def test_an_event_is_shown_as_the_contract_says(archive: Path) -> None:
    (event,) = found(archive, Query(limit=1))
    assert event == {
        "time": "2026-11-25T12:00:00.999000Z",
        "arrived": "2026-11-25T12:00:00.999500Z",
        "source": "s0",
        "host": "PC-19",
        "logsource": {"product": "windows", "category": None, "service": "security"},
        "fields": {"n": 999, "TargetUserName": "user49"},
        "raw": '{"n": 999, "padding": "' + "x" * 100 + '"}',
    }


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        (Query(since=NOON + 990_000), lambda n: n >= 990),
        (Query(until=NOON + 5_000), lambda n: n < 5),
        (Query(sources=("s1", "s2")), lambda n: n % 3 in (1, 2)),
        (Query(hosts=("pc-7",)), lambda n: n % 20 == 7),
        (Query(hosts=("PC-1*", "nobody")), lambda n: str(n % 20).startswith("1")),
        (Query(logsource=LogSource(product="linux")), lambda n: n % 2 == 0),
        (Query(logsource=LogSource(product="linux", service="security")), lambda n: False),
        (Query(text='"N": 77'), lambda n: str(n).startswith("77")),
        (Query(fields=(("TargetUserName", "USER7"),)), lambda n: n % 50 == 7),
        (
            Query(fields=(("TargetUserName", "*er4*"), ("n", "14*"))),
            lambda n: str(n)[:2] == "14" and str(n % 50)[0] == "4",
        ),
        (Query(fields=(("Absent", "*"),)), lambda n: False),
        (Query(limit=3), lambda n: n > 996),
    ],
)
def test_everything_that_is_asked_for_holds(archive: Path, query: Query, matches: object) -> None:
    assert callable(matches)
    assert numbers(archive, query) == [n for n in range(999, -1, -1) if matches(n)]


HOSTILE = ["' OR 1=1 --", "a/b~c", '"x"', "100%_", "\\", "$.n", "/n", "é\u202e", "*\x1b", "", "a.b", "\U0001f600\n"]


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_values_are_only_names_and_values(name: str, tmp_path: Path) -> None:
    value = name.replace("*", "+")
    archived(tmp_path, [row(0, fields={"n": 0, name: value}, host=value, raw=value), row(1)])
    assert numbers(tmp_path, Query(fields=((name, value),))) == [0]
    assert numbers(tmp_path, Query(fields=((name, value + "x"),))) == []
    assert numbers(tmp_path, Query(hosts=(value,))) == [0]
    assert 0 in numbers(tmp_path, Query(text=value))


@pytest.mark.slow
def test_one_element_of_a_list_is_enough_and_null_is_no_text(tmp_path: Path) -> None:
    archived(tmp_path, [row(0, fields={"n": 0, "ip": ["192.0.2.1", 7, None]}), row(1, fields={"n": 1, "ip": None})])
    assert numbers(tmp_path, Query(fields=(("ip", "192.0.2.*"),))) == [0]
    assert numbers(tmp_path, Query(fields=(("ip", "7"),))) == [0]
    assert numbers(tmp_path, Query(fields=(("ip", "null"),))) == []
    assert numbers(tmp_path, Query(fields=(("ip", ""),))) == [1]


@pytest.mark.slow
def test_what_the_journal_holds_beyond_the_archive_is_found_once(archive: Path) -> None:
    late = row(1_005, time=NOON - 1)
    tail = [*rows(980, 1_005), late]
    assert numbers(archive, Query(limit=7), tail=tail) == [1_004, 1_003, 1_002, 1_001, 1_000, 999, 998]
    assert numbers(archive, Query(until=NOON + 2_000), tail=tail) == [1, 0, 1_005]
    assert found(archive, sql="select count(*) c from events", tail=tail) == [{"c": 1_006}]
    assert numbers(archive, Query(hosts=("nobody",)), tail=tail) == []


@pytest.mark.slow
def test_more_than_a_slice_comes_in_order_also_where_times_are_equal(tmp_path: Path) -> None:
    events = [row(n, time=NOON + n // 3_000) for n in range(13_000)]
    archived(tmp_path, events)
    wanted = [r.fields["n"] for r in heapq.nlargest(13_000, events, lambda r: (r.time or 0, r.position, r.place))]
    assert numbers(tmp_path) == wanted
    assert numbers(tmp_path, Query(limit=9_001)) == wanted[:9_001]
    assert numbers(tmp_path, Query(limit=8_000)) == wanted[:8_000]


@pytest.mark.slow
def test_only_files_that_can_hold_it_are_looked_at(tmp_path: Path) -> None:
    archived(tmp_path, [row(0), row(1), row(20, arrived=NOON + DAY, time=NOON + DAY)])
    for part in load_index(tmp_path).parts:
        if part.logsource != SSHD or part.earliest > NOON:
            (tmp_path / part.path).unlink()  # whoever looked would be told that it is missing
    assert numbers(tmp_path, Query(until=NOON + DAY, logsource=SSHD)) == [0]


@pytest.mark.slow
def test_a_broken_file_is_named_and_the_others_are_searched(tmp_path: Path) -> None:
    archiver = Archiver(tmp_path)
    for start in (0, 100, 200, 300):
        archiver.add(rows(start, start + 100))
        archiver.flush()
    archiver.close()
    linux = [part.path for part in load_index(tmp_path).parts if part.logsource == SSHD]
    (tmp_path / linux[0]).unlink()
    (tmp_path / linux[1]).write_bytes(b"PAR1")
    content = bytearray((tmp_path / linux[2]).read_bytes())
    content[4:300] = os.urandom(296)
    (tmp_path / linux[2]).write_bytes(content)
    for how in ({}, {"sql": "select fields from events order by time desc, position desc, place desc"}):
        faults: list[Fault] = []
        lines = b"".join(search(tmp_path, Query(logsource=SSHD), faults=faults, **how)).splitlines()  # type: ignore[arg-type]
        assert sorted(fault.path for fault in faults) == sorted(linux[:3])
        even = [n for n in (orjson.loads(line)["fields"]["n"] for line in lines) if n % 2 == 0]
        assert even == list(range(398, 298, -2))


def test_no_archive_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no archive yet"):
        found(tmp_path / "none")
    assert found(tmp_path) == []  # there is one, and nothing in it


@pytest.mark.slow
def test_sql_gives_rows_of_any_shape(archive: Path) -> None:
    assert found(archive, sql="select service, count(*) n from events group by 1 order by 1") == [
        {"service": "security", "n": 500}, {"service": "sshd", "n": 500},
    ]  # fmt: skip
    odd = "select 1 a, 2 a, 'x'::blob b, 1.5::decimal(4,1) d, date '2026-11-25' t, 2::hugeint ** 90 h, [1] l, {'k': null} s, fields->>'n' f from events where place = 0 limit 1"
    (answer,) = found(archive, sql=odd)
    assert answer["a"] == 1
    assert answer["a_1"] == 2
    assert answer["d"] == "1.5"
    assert answer["t"] == "2026-11-25"
    assert answer["s"] == {"k": None}
    assert found(archive, sql="select min(time) t from events") == [{"t": "2026-11-25T12:00:00Z"}]


@pytest.mark.slow
def test_the_query_of_the_page_works(root: Path, tmp_path: Path) -> None:
    page = (root / "docs" / "search.md").read_text("utf-8")
    now = time.time_ns() // 1_000
    failed = {"EventID": 4625, "TargetUserName": "admin"}
    archived(tmp_path, [row(1, fields=failed, time=now), row(3, fields=failed, time=now - 2 * DAY), row(5)])
    sql = page.partition('--sql "select host')[2].partition('"')[0]
    assert found(tmp_path, sql=f"select host{sql}") == [{"host": "PC-1", "account": "admin", "failures": 1}]
    assert found(tmp_path, sql="select current_setting('TimeZone') z") == [{"z": "UTC"}]


ATTACKS = [
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/hostname')",
    "select * from read_blob('/proc/self/environ')",
    "select * from '/etc/passwd'",
    "from read_parquet('/etc/*')",
    "select * from glob('/etc/*')",
    "select * from read_json('{folder}/index.json')",
    "select * from read_text('index.json')",
    "select * from parquet_metadata('../*')",
    "select * from sniff_csv('/etc/passwd')",
    "copy (select 1) to '{folder}/x.parquet'",
    "copy events to '/srv/x.csv'",
    "select 1; select 2",
    "select 1; copy events to '/srv/x.csv'",
    "attach '{folder}/x.db' as x",
    "attach ':memory:' as x",
    "create table x as select * from events",
    "drop view events",
    "set enable_external_access = true",
    "set memory_limit = '10GB'",
    "reset lock_configuration",
    "pragma enable_profiling",
    "load httpfs",
    "install httpfs",
    "select * from 'https://192.0.2.1/x.parquet'",
    "select getenv('HOME')",
    "call enable_logging()",
    "export database '/srv/x'",
    "import database '/srv/x'",
    "prepare x as select 1",
    "explain analyze select 1",
    "checkpoint",
    "vacuum",
    "use memory",
    "insert into events values (1)",
    "select * from connection",
    "select * from query('copy events to ''/srv/x.csv''')",
    "select * from query_table('/etc/passwd')",
    "select write_log('x', log_type := 'y') from read_csv('/etc/passwd')",
    "select * from json_execute_serialized_sql(json_serialize_sql('select * from read_text(''/etc/passwd'')'))",
    "",
    ";",
    "select '\x00'; attach '/etc/passwd' as y",
]


@pytest.mark.slow
@pytest.mark.parametrize("sql", ATTACKS)
def test_sql_reads_and_writes_nothing_but_events(sql: str, archive: Path) -> None:
    before = sorted((path, path.stat().st_size) for path in archive.rglob("*"))
    with pytest.raises(UsageError):
        found(archive, sql=sql.replace("{folder}", str(archive).replace("'", "''")))
    assert sorted((path, path.stat().st_size) for path in archive.rglob("*")) == before


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from range(100000) a, range(100000) b, range(100) c where a.range * b.range = c.range + 7",
        "with recursive t(n) as (select 1 union all select n + 1 from t) select n from t where n < 0",
    ],
)
@pytest.mark.slow
def test_sql_that_takes_too_long_is_ended(sql: str, archive: Path) -> None:
    with pytest.raises(InputError, match="more than 2 s"):
        found(archive, sql=sql, seconds=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "select repeat(repeat('x', 1000000), 100000)",
        "select list(range) from range(1000000000)",
        "select string_agg(repeat(raw, 10000), '') from events",
    ],
)
def test_sql_that_needs_too_much_memory_is_ended(sql: str, archive: Path) -> None:
    with pytest.raises(BeffroiError, match=r"memory|size|long|length"):
        found(archive, sql=sql, seconds=20)


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_search_that_nobody_reads_any_more_ends(archive: Path) -> None:
    before = set(children_of(os.getpid()))
    running = search(archive, Query(), sql="select a.raw from events a, events b, events c", faults=[])
    next(running)
    (child,) = set(children_of(os.getpid())) - before
    running.close()
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.slow
def test_the_child_ends_with_whoever_asked(root: Path, archive: Path) -> None:
    asks = (
        "import sys; from pathlib import Path; from beffroi.logs.archive import *\n"
        "for _ in search(Path(sys.argv[1]), Query(), sql='select count(*) from range(1000000) a, range(1000000) b, events'"
        ", faults=[]): pass"
    )
    asking = subprocess.Popen([sys.executable, "-c", asks, archive], cwd=root)
    end = time.monotonic() + 20
    while not (child := children_of(asking.pid)) and time.monotonic() < end:
        time.sleep(0.02)
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    while time.monotonic() < end and Path(f"/proc/{child[0]}").exists():
        if ") Z " in Path(f"/proc/{child[0]}/stat").read_text():  # ended, and only its new parent has not looked yet
            break
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{child[0]}").exists()


PEAK = """
import resource, sys
from pathlib import Path
from beffroi.logs.archive import Query, search
from beffroi.core.model import LogSource
count = 0
last = "9999"
for block in search(Path(sys.argv[1]), Query(text="PADDING"), faults=[]):
    count += block.count(b"\\n")
# What getrusage says of ourselves began with the memory of whoever started us; the kernel's own mark begins with the program.
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(count, own >> 10, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_million_rows_are_searched_within_300_mb(root: Path, tmp_path: Path) -> None:
    archiver = Archiver(tmp_path)
    archiver.add(row(n, raw=b"%d padding %s" % (n, b"x" * 300)) for n in range(1_000_000))
    archiver.flush()
    archiver.close()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, tmp_path], cwd=root, capture_output=True, text=True, check=True, timeout=250
    )
    count, own, childs = map(int, done.stdout.split())
    assert count == 1_000_000
    assert own + childs < 300
    some = numbers(tmp_path, Query(limit=10_000))
    assert all(a == b + 1 for a, b in pairwise(some))
