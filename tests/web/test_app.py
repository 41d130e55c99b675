"""The application: actions with their roles and limits, errors as data, and the feed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import orjson
import pytest

from beffroi.core.errors import BeffroiError, StoreError, UsageError
from beffroi.core.model import Fault, message
from beffroi.core.wording import words
from beffroi.store import Store, feed, ledger
from beffroi.store.actions import Action, Actor, Nothing, Role
from beffroi.web import app
from beffroi.web.app import ACTIONS, application
from beffroi.web.plain import error_from_plain, error_to_plain

T = TypeVar("T")
OWNER = Actor("Odette Lambin", Role.OWNER)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


def asked(
    store: Store,
    ask: Callable[[httpx.AsyncClient], Awaitable[T]],
    *,
    actor: Actor | None = OWNER,
    actions: tuple[Action, ...] = ACTIONS,
    raising: bool = True,
) -> T:
    """What a client of the application, run by `actor`, gets."""

    async def run() -> T:
        offered = application(store, lambda _request: actor, actions=actions)
        transport = httpx.ASGITransport(offered, raise_app_exceptions=raising)
        async with httpx.AsyncClient(transport=transport, base_url="http://beffroi") as client:
            return await ask(client)

    return asyncio.run(run())


def post(
    store: Store, name: str, body: bytes = b"{}", headers: dict[str, str] | None = None, **how: Any
) -> httpx.Response:
    return asked(store, lambda client: client.post(f"/actions/{name}", content=body, headers=headers or JSON), **how)


def error(response: httpx.Response) -> BeffroiError:
    return error_from_plain(orjson.loads(response.content))


def test_an_action_does_what_it_says_in_the_name_of_who_asks(store: Store) -> None:
    made = post(store, "settings.set", b'{"name": "archive.days", "value": 30}')
    assert (made.status_code, made.json()) == (200, {"name": "archive.days", "value": 30})
    entries = post(store, "ledger.show").json()
    assert [(each["actor"], each["action"]) for each in entries] == [("Odette Lambin", "settings.set")]
    assert post(store, "ledger.verify").json()["sound"] is True
    rows = {row["name"]: row["value"] for row in post(store, "settings.list").json()}
    assert rows["archive.days"] == 30
    assert post(store, "findings.list").json() == []
    assert post(store, "sources.list").json() == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_who_may_not_is_told_and_nothing_is_done(action: Action, store: Store) -> None:
    who: list[Actor | None] = [Actor("Marcel Wauthy", role) for role in Role if role < action.role]
    for actor in [None, *who]:
        refused = post(store, action.name, b'{"name": "archive.days", "value": 30, "source": "x"}', actor=actor)
        assert refused.status_code == 403
        assert "ask the owner of the house" in str(error(refused))
    with store.read() as connection:
        assert ledger.entries(connection) == []


def test_what_writes_needs_more_than_to_look() -> None:
    assert all(action.role > Role.VIEWER for action in ACTIONS if action.writes)
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"name": 3, "value": 3}',
        b'{"name": "archive.days"}',
        b'{"name": "archive.days", "value": 3, "x": 1}',
        b"[" * 500_000,
        b'{"name": "archive.days", "value": 1e400}',
        b"\xff",
    ],
)
def test_arguments_that_do_not_fit_are_told_in_a_sentence(body: bytes, store: Store) -> None:
    refused = post(store, "settings.set", body)
    assert refused.status_code == 400
    assert "do not fit" in str(error(refused))


def test_arguments_are_bounded_before_they_are_kept(store: Store) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 10_000
        pytest.fail("it read on and on")

    refused = asked(store, lambda client: client.post("/actions/settings.set", content=endless(), headers=JSON))
    assert "longer than 1048576 bytes" in str(error(refused))


def test_a_form_of_a_web_page_is_no_action(store: Store) -> None:
    refused = post(store, "settings.set", headers={"Content-Type": "text/plain"})
    assert "application/json" in str(error(refused))


@pytest.mark.parametrize("path", ["/actions/nothing", "/actions/../feed", "/", "/actions/settings.set/x"])
def test_what_there_is_not_is_not_there(path: str, store: Store) -> None:
    assert asked(store, lambda client: client.post(path, headers=JSON)).status_code in (400, 404, 405)


def test_an_error_keeps_its_class_its_sentence_and_its_faults_and_speaks_any_language(tmp_path: Path) -> None:
    fault = Fault("rules.yml", message("line {line}", line=3), message("the file is not UTF-8 text"))
    sent = StoreError(
        path=tmp_path,
        reason=message("the disk is full; free some space and try again, nothing was half done"),
        faults=[fault],
    )
    got = error_from_plain(orjson.loads(orjson.dumps(error_to_plain(sent))))
    assert (type(got), str(got), got.faults, got.exit_code) == (StoreError, str(sent), (fault,), 40)
    assert "le disque est plein" in words("fr")(got.template, **got.values).lower()


@pytest.mark.parametrize(
    "plain",
    [None, {}, {"error": "Exit", "message": ["x", {}], "faults": []}, {"error": "annotations", "message": ["", {}], "faults": []},
     {"error": "UsageError", "message": "x", "faults": []}, {"error": "UsageError", "message": ["x", {}], "faults": [1]}],
)  # fmt: skip
def test_what_is_no_error_is_not_taken_for_one(plain: Any) -> None:
    with pytest.raises(ValueError, match="no "):
        error_from_plain(plain)


def test_a_defect_is_told_in_a_sentence_and_its_traceback_stays_here(store: Store) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("secret")

    actions = (Action("test.broken", broken, Nothing, Role.VIEWER, writes=False),)
    failed = post(store, "test.broken", actions=actions, raising=False)
    assert failed.status_code == 500
    assert b"secret" not in failed.content
    assert "Beffroi itself has a defect" in str(error(failed))
    with pytest.raises(ZeroDivisionError):
        post(store, "test.broken", actions=actions)


def test_an_action_that_takes_long_keeps_nobody_waiting(store: Store) -> None:
    class Numbered(msgspec.Struct):
        number: int

    gate = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    def slow(_store: Store, _actor: Actor, arguments: Numbered) -> int:
        if arguments.number == 1:
            asyncio.run_coroutine_threadsafe(gate.wait(), loops[0]).result(timeout=10)
        return arguments.number

    async def both(client: httpx.AsyncClient) -> list[int]:
        loops.append(asyncio.get_running_loop())
        done: list[int] = []

        async def one(number: int) -> None:
            answer = await client.post("/actions/test.slow", content=b'{"number": %d}' % number, headers=JSON)
            done.append(answer.json())
            gate.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(one(1))
            group.create_task(one(2))
        return done

    assert asked(store, both, actions=(Action("test.slow", slow, Numbered, Role.VIEWER, writes=False),)) == [2, 1]


@asynccontextmanager
async def following(
    store: Store, last: str | None = None, actor: Actor | None = OWNER
) -> AsyncIterator[asyncio.Queue[str]]:
    """What GET /feed sends, an event each. ASGI is spoken directly: httpx's transport waits for the end, and a feed has none."""
    events: asyncio.Queue[str] = asyncio.Queue()
    gone = asyncio.Event()
    headers = [] if last is None else [(b"last-event-id", last.encode())]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/feed",
        "headers": headers,
        "query_string": b"",
        "server": ("beffroi", 80),
        "scheme": "http",
    }

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(said: Any) -> None:
        if said["type"] == "http.response.start":
            events.put_nowait(str(said["status"]))
        elif said.get("body"):
            events.put_nowait(said["body"].decode())

    async with asyncio.TaskGroup() as group:
        group.create_task(application(store, lambda _request: actor)(scope, receive, send))
        try:
            yield events
        finally:
            gone.set()


def tell(store: Store, *rows: str) -> None:
    with store.write() as change:
        for row in rows:
            feed.tell(change, "findings", row)


async def within(events: "asyncio.Queue[str]", count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [await events.get() for _ in range(count)]


def test_the_feed_tells_what_changes_from_now_on(store: Store) -> None:
    tell(store, "before")

    async def run() -> list[str]:
        async with following(store) as events:
            first = await within(events, 2)
            await asyncio.to_thread(tell, store, "one", "two")
            return first + await within(events, 2)

    assert asyncio.run(run()) == [
        "200",
        ": beffroi\n\n",
        'id: 2\ndata: {"table":"findings","id":"one"}\n\n',
        'id: 3\ndata: {"table":"findings","id":"two"}\n\n',
    ]


def test_the_feed_goes_on_where_the_follower_was(store: Store) -> None:
    tell(store, "one", "two", "three")

    async def run() -> list[str]:
        async with following(store, last="1") as events:
            return await within(events, 4)

    assert [each.partition("\n")[0] for each in asyncio.run(run())[2:]] == ["id: 2", "id: 3"]


def test_who_missed_something_is_told_and_goes_on(store: Store) -> None:
    tell(store, *"abcdef")
    with store.write() as change:
        feed.prune(change, kept=1)

    async def run() -> list[str]:
        async with following(store, last="1") as events:
            first = await within(events, 3)
            await asyncio.to_thread(tell, store, "g")
            return first + await within(events, 1)

    said = asyncio.run(run())[2:]
    assert said == ["id: 6\nevent: missed\ndata: {}\n\n", 'id: 7\ndata: {"table":"findings","id":"g"}\n\n']


@pytest.mark.parametrize("last", ["-1", "x", "٣", "9" * 30, ""])
def test_a_senseless_last_event_id_begins_now(last: str, store: Store) -> None:
    tell(store, "before")

    async def run() -> list[str]:
        async with following(store, last=last) as events:
            first = await within(events, 2)
            await asyncio.to_thread(tell, store, "one")
            return first + await within(events, 1)

    assert asyncio.run(run())[2].startswith("id: 2\n")


def test_a_quiet_feed_shows_that_it_is_alive(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "HEARTBEAT", 0.01)

    async def run() -> list[str]:
        async with following(store) as events:
            return await within(events, 4)

    assert asyncio.run(run())[2:] == [": alive\n\n"] * 2


def test_the_feed_is_not_for_everybody(store: Store) -> None:
    async def run() -> list[str]:
        async with following(store, actor=None) as events:
            return await within(events, 1)

    assert asyncio.run(run()) == ["403"]


def test_a_usage_error_of_a_room_is_told_as_such(store: Store) -> None:
    refused = post(store, "sources.accept", b'{"source": "nobody"}')
    assert (refused.status_code, type(error(refused))) == (400, UsageError)
