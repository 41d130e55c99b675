"""The body of a `_bulk` request → documents to keep and what each item is answered: pure.

Source: Elasticsearch's documentation, "Bulk index or delete documents": a line of JSON that says what to do, then, for all but `delete`,
a line that is the document. Lines may end in CRLF, the last in nothing; some senders put an empty line behind each document.
"""

from typing import Any, Final, NamedTuple

import msgspec
import orjson

from beffroi.logs.receivers.http.bodies import Failure, Limits, as_text
from beffroi.logs.receivers.http.documents import is_object
from beffroi.logs.receivers.http.filters import filtered

LONGEST_ID: Final = 512
"""Bytes of an `_id`, as Elasticsearch bounds it."""


class _Target(msgspec.Struct):
    index: str | None = msgspec.field(default=None, name="_index")
    id: str | int | None = msgspec.field(default=None, name="_id")


class _Action(msgspec.Struct):
    create: _Target | None = None
    index: _Target | None = None
    update: _Target | None = None
    delete: _Target | None = None


_decode: Final = msgspec.json.Decoder(_Action).decode


class Bulk(NamedTuple):
    """What a body came to: the documents in their order, those with an id of the sender's apart, and the answer's items."""

    plain: list[bytes]
    named: list[bytes]
    ids: list[str]
    items: list[bytes]
    """Each as JSON, in the order of the actions; empty where `filter_path` leaves nothing of it."""
    unfit: int
    """Items that were not taken."""


class _Way(NamedTuple):
    """What one action line means for its document."""

    verb: str
    where: str
    """The index it names, else the path's."""
    id: str | None
    done: bytes
    """The item's answer where all is well."""
    wrong: str | None
    """Why no document can be taken under it."""


def read(body: bytes, index: str, shape: str, limits: Limits) -> Bulk:
    """Documents and answers of a body. `index` is the one in the path, "" where there is none; `shape` the query's `filter_path`.

    Raises Failure where no line can be told from the next: an action that is none (400), too many (413). A document that cannot be
    taken fails alone.
    """
    plain: list[bytes] = []
    named: list[bytes] = []
    ids: list[str] = []
    items: list[bytes] = []
    unfit = 0
    last = b""
    way: _Way | None = None
    lines = iter(as_text(body).split(b"\n"))
    place = 0
    longest = limits.message
    for line in lines:
        place += 1
        if line != last or way is None:
            line = line.strip()  # noqa: PLW2901 - CRLF
            if not line:
                continue
            if line != last or way is None:
                way = _way(line, place, index, shape)
                last = line
        if len(items) >= limits.messages:
            raise Failure(413, f"There are more than {limits.messages} documents.")
        if way.verb == "delete":
            items.append(_failed(way, shape))
            unfit += 1
            continue
        document = next(lines, b"").strip()
        place += 1
        if way.wrong is not None:
            items.append(_failed(way, shape))
            unfit += 1
        elif len(document) > longest:
            items.append(_failed(way, shape, f"the document is longer than {longest} bytes"))
            unfit += 1
        elif not is_object(document):
            items.append(_failed(way, shape, "the document is no JSON object"))
            unfit += 1
        else:
            items.append(way.done)
            if way.id is None:
                plain.append(document)
            else:
                named.append(document)
                ids.append(f"{way.where}/{way.id}")
    if not items:
        raise Failure(400, "request body is required")
    return Bulk(plain, named, ids, items, unfit)


def _way(line: bytes, place: int, index: str, shape: str) -> _Way:
    """What an action line says. Raises Failure."""
    try:
        action = _decode(line)
    except (msgspec.MsgspecError, RecursionError):
        raise Failure(400, f"Malformed action/metadata line [{place}], it is none") from None
    targets = {verb: target for verb in _VERBS if (target := getattr(action, verb)) is not None}
    if len(targets) != 1:
        raise Failure(400, f"Malformed action/metadata line [{place}], expected one of create, index, update, delete")
    ((verb, target),) = targets.items()
    name = None if target.id is None else str(target.id)
    wrong = None
    if verb in {"update", "delete"}:
        wrong = f"[{verb}] is not supported: documents are taken and never changed"
    elif name is not None and len(name.encode()) > LONGEST_ID:
        wrong = f"id is too long, must be no longer than {LONGEST_ID} bytes"
    where = target.index or index
    # An empty id is none, as if it had not been given.
    way = _Way(verb, where, name or None, b"", wrong)
    return way._replace(done=_shaped(verb, {**_named(way), "result": "created", "_version": 1, "status": 201}, shape))


_VERBS: Final = ("create", "index", "update", "delete")


def _named(way: _Way) -> dict[str, Any]:
    return {"_index": way.where, **({} if way.id is None else {"_id": way.id[:LONGEST_ID]})}


def _failed(way: _Way, shape: str, reason: str | None = None) -> bytes:
    if reason is None:
        error = {"type": "illegal_argument_exception", "reason": way.wrong}
    else:
        error = {"type": "mapper_parsing_exception", "reason": f"failed to parse: {reason}"}
    return _shaped(way.verb, {**_named(way), "status": 400, "error": error}, shape)


def _shaped(verb: str, item: dict[str, Any], shape: str) -> bytes:
    whole: dict[str, Any] = {"items": [{verb: item}]}
    if shape:
        whole = filtered(whole, shape)
    items = whole.get("items")
    return orjson.dumps(items[0]) if items else b""


def answered(bulk: Bulk, took: int, shape: str) -> bytes:
    """The answer to a whole request that took so many milliseconds."""
    head: dict[str, Any] = {"took": took, "errors": bulk.unfit > 0}
    if shape:
        head = filtered(head, shape)
    items = b",".join(filter(None, bulk.items))
    text = orjson.dumps(head)[:-1]
    if items or not shape:
        text += (b"," if head else b"") + b'"items":[' + items + b"]"
    return text + b"}"
