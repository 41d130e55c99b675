"""The service's own bones: a part that falls gets up again, and nothing grows while nobody looks."""

import asyncio
import resource
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import insert

from beffroi.core.clock import Clock
from beffroi.core.config import Listen, load
from beffroi.service import running
from beffroi.service.limits import more_files
from beffroi.service.running import Service
from beffroi.store import Store, feed, findings, settings, tables
from beffroi.watching.understanding import MORE_HOSTS, Seen, Understood


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "beffroi.toml").write_text(f'[paths]\ndata = "{tmp_path / "data"}"\n[read]\njournal = false\n')
    with ExitStack() as held:
        store = held.enter_context(Store.open(tmp_path / "data"))
        yield Service(load(tmp_path / "beffroi.toml"), store, held)


def test_a_part_that_falls_is_begun_again_and_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "AGAIN", 0.01)
    begun = 0

    async def shaky() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise OSError(5, "of Odette Lambin")

    async def main() -> None:
        async with asyncio.timeout(10):
            await service._upheld("look after the house", shaky)

    asyncio.run(main())
    assert begun == 3
    service._tell_troubles(datetime.now(UTC))
    with service.store.read() as connection:
        [finding] = findings.opened(connection, "house.trouble")
    assert "OSError (Input/output error)" in str(finding.message)
    assert "Odette" not in str(finding.message)


@pytest.mark.slow
def test_the_socket_for_commands_gets_up_again_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "AGAIN", 0.01)
    stop, begun = asyncio.Event(), 0

    async def serve_commands() -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            stop.set()
        raise OSError(5, "the socket is gone")

    async def main() -> None:
        async with asyncio.timeout(60):
            await service.run([("serve commands", serve_commands)], stop)

    service.receiving.clear()
    asyncio.run(main())
    assert begun >= 3


def test_the_listeners_show_the_server_s_new_certificate_without_a_restart(service: Service) -> None:
    [receiving] = [each for each in service.receiving if each.name == "syslog_tls"]
    receiving._listen = Listen("127.0.0.1", 0)
    own = service._own

    async def shown() -> bytes:
        """The certificate that a device meets; that it is of next year is no matter here."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        assert receiving.bound is not None
        _, writer = await asyncio.open_connection("127.0.0.1", receiving.bound.port, ssl=context)
        certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return certificate

    async def main() -> tuple[bytes, bytes, bytes]:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            task = group.create_task(receiving.run())
            await receiving.tried.wait()
            before = await shown()
            service.clock = Clock(wall=lambda: time.time() + 300 * 86_400)
            await service._look_around()
            early = await shown()
            assert service._own == own
            service.clock = Clock(wall=lambda: time.time() + 340 * 86_400)
            await service._look_around()
            after = await shown()
            task.cancel()
        return before, early, after

    before, early, after = asyncio.run(main())
    assert before == early != after
    assert x509.load_der_x509_certificate(after).not_valid_after_utc > own.expires + timedelta(days=300)
    assert service._own.expires > own.expires + timedelta(days=300)  # with which the sign of life is sent
    assert service.keeper.own_certificate != running._der(own.chain)


def test_what_sources_showed_is_remembered_by_the_minute_and_not_by_the_result(service: Service) -> None:
    for number in range(5_000):
        seen = Seen(events=2, offset=number - 2_500, hosts={f"host-{number}"})
        service._understood([Understood(number, seen={"s-one": seen})])
    assert len(service._seen) == 1
    shown = service._shown()["s-one"]
    assert (shown.events, shown.offset) == (10_000, 0)
    assert len(shown.hosts) <= MORE_HOSTS


def test_all_that_changed_is_seen_however_much_it_is(service: Service) -> None:
    with service.store.write() as change:
        since = feed.newest(change)
        change.execute(insert(tables.feed), [{"table_name": "matches", "row_id": str(n)} for n in range(2_500)])
        feed.tell(change, "sources", "s-one")
    last, changed = service._changes(since)
    assert changed == {"matches", "sources"}
    assert last == since + 2_501


def test_what_correlations_may_wait_for_is_a_setting(service: Service) -> None:
    assert service._begin().lateness == 3_600
    settings.set_(service.store, "anna", "detection.lateness", 5)
    assert service._begin().lateness == 300


def test_marks_do_not_grow_while_nothing_is_understood(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MARK", -1.0)
    monkeypatch.setattr(running, "MARKS", 50)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(service._follow_journal())
            await many()
            task.cancel()

    async def many() -> None:
        for position in range(1, 500):
            service.journal.durable = position
            news, service.journal._news = service.journal._news, asyncio.Event()
            news.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(main())
    assert 20 < len(service._marks) <= 51
    assert service._marks[0][0] <= 1  # the oldest stays: the lag is told from there


def test_more_files_may_be_open() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        assert more_files(512) == min(512, before[1])
        assert more_files(300) == min(512, before[1])  # never fewer
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
