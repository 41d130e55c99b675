"""The one ASGI application. Today it offers the Actions of every room and the feed; pages come later.

POST /actions/{name}   arguments as a JSON object in, the result as JSON out
GET  /feed             server-sent events (WHATWG HTML, 9.2): what changed, from `Last-Event-ID` on

Who asks is found out by whoever offers the application (`who`); what they may do is decided here, and nowhere else. An error
goes out as its class, its sentence and its values (web/plain.py).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from beffroi.core.errors import BeffroiError, DefectError, Exit, ForbiddenError, UsageError
from beffroi.core.model import Fields
from beffroi.incidents import actions as incidents
from beffroi.incidents import evidence, exporting, normals
from beffroi.logs.sources import actions as sources
from beffroi.rules import switches, thresholds, update
from beffroi.store import Store, acts, feed
from beffroi.store.actions import Action, Actor, Role
from beffroi.store.feed import Missed
from beffroi.web.plain import error_to_plain

LONGEST: Final = 1 << 20
"""Bytes of arguments that are read."""

STREAMS: Final = 32
"""So many follow the feed at once."""

HEARTBEAT: Final = 15.0
"""Seconds after which a quiet feed says that it is alive, so that dead followers are noticed."""


def _silenced(rule: str, hides: Callable[[Fields], bool]) -> list[str]:
    from beffroi.rules.trial import silenced  # it loads the rules: only where somebody calls something normal

    return silenced(rule, hides)


def _events_behind(data_dir: Path, zone: str, wanted: evidence.Wanted) -> evidence.Behind:
    from beffroi.watching.behind import events_behind  # it loads every format: only where somebody wants evidence

    return events_behind(data_dir, zone, wanted)


ACTIONS: Final = (
    *acts.ACTIONS,
    *incidents.ACTIONS,
    *normals.actions(_silenced),
    *exporting.actions(_events_behind),
    *sources.ACTIONS,
    *switches.ACTIONS,
    *thresholds.ACTIONS,
    *update.ACTIONS,
)

Who = Callable[[Request], Actor | None]
"""Which Actor a request comes from; None where nobody knows."""


def application(store: Store, who: Who, *, actions: Iterable[Action] = ACTIONS) -> Starlette:
    """The application over an open store."""
    offered = Offered(store, who, {action.name: action for action in actions})
    return Starlette(
        routes=[
            Route("/actions/{name}", offered.act, methods=["POST"]),
            Route("/feed", offered.follow, methods=["GET"]),
        ],
        exception_handlers={BeffroiError: _told, Exception: _defect},
    )


class Offered:
    """What the application's routes do."""

    def __init__(self, store: Store, who: Who, actions: dict[str, Action]) -> None:
        """`actions` by their names."""
        self._store = store
        self._who = who
        self._actions = actions
        self._streams = 0

    async def act(self, request: Request) -> Response:
        """Do an action in a thread of its own, as whoever asks."""
        actor = self._actor(request, Role.VIEWER)
        action = self._actions.get(request.path_params["name"])
        if action is None:
            raise UsageError("There is no action {name}", name=request.path_params["name"])
        if actor.role < action.role:
            raise ForbiddenError(action=action.name)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise UsageError("The arguments of {name} are expected as application/json", name=action.name)
        body = await _body(request)
        try:
            arguments = msgspec.json.decode(body, type=action.arguments)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UsageError(
                "The arguments of {name} do not fit: {reason}", name=action.name, reason=str(error)
            ) from error
        result = await run_in_threadpool(action.do, self._store, actor, arguments)
        return _json(result)

    async def follow(self, request: Request) -> Response:
        """The feed, from the event after `Last-Event-ID`, or from now."""
        self._actor(request, Role.VIEWER)
        if self._streams >= STREAMS:
            return Response(status_code=503, headers={"Retry-After": "10"})
        last = request.headers.get("last-event-id", "")
        since = int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else None
        return StreamingResponse(
            self._events(since), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _events(self, since: int | None) -> AsyncIterator[bytes]:
        changed, loop = asyncio.Event(), asyncio.get_running_loop()
        self._streams += 1
        try:
            with self._store.listen(lambda: _wake(loop, changed)):
                seq = since if since is not None else await run_in_threadpool(self._newest)
                yield b": beffroi\n\n"
                while True:
                    changed.clear()
                    try:
                        told = await run_in_threadpool(self._since, seq)
                    except Missed as missed:
                        seq = missed.seq
                        yield b"id: %d\nevent: missed\ndata: {}\n\n" % seq
                        continue
                    for each in told:
                        seq = each.seq
                        yield b"id: %d\ndata: %s\n\n" % (seq, orjson.dumps({"table": each.table, "id": each.row_id}))
                    if told:
                        continue
                    try:
                        await asyncio.wait_for(changed.wait(), HEARTBEAT)
                    except TimeoutError:
                        yield b": alive\n\n"
        finally:
            self._streams -= 1

    def _newest(self) -> int:
        with self._store.read() as connection:
            return feed.newest(connection)

    def _since(self, seq: int) -> list[feed.Told]:
        with self._store.read() as connection:
            return feed.follow(connection, seq)

    def _actor(self, request: Request, least: Role) -> Actor:
        actor = self._who(request)
        if actor is None or actor.role < least:
            raise ForbiddenError(action=request.url.path)
        return actor


def _wake(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    """Tell a follower, from whichever thread wrote."""
    with suppress(RuntimeError):  # its loop has just ended: what was written is written all the same
        loop.call_soon_threadsafe(changed.set)


async def _body(request: Request) -> bytes:
    """The arguments. Raises UsageError where they are too long, before they are in memory."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            raise UsageError("The arguments are longer than {limit} bytes", limit=LONGEST)
    return bytes(body)


def _json(value: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), status, headers, "application/json")


async def _told(_request: Request, error: Exception) -> Response:
    """What a person can cause: their error, which says more than a status can."""
    assert isinstance(error, BeffroiError)
    status = 403 if isinstance(error, ForbiddenError) else 503 if error.exit_code is Exit.STORE else 400
    return _json(error_to_plain(error), status)


async def _defect(_request: Request, _error: Exception) -> Response:
    """A defect of ours: whoever runs the application gets the traceback, whoever asked gets the sentence."""
    return _json(error_to_plain(DefectError()), 500)
