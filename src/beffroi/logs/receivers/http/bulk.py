"""Elasticsearch's `_bulk` (port 9200): what Beats, Logstash, Fluent Bit, Vector, rsyslog, syslog-ng and Elastic's own clients send logs by.

Only writing is there. The questions that shippers ask before they write get the answers that let them begin, and the templates,
policies and pipelines they bring are acknowledged and kept nowhere: events are understood here by `logs.formats` alone.

What each needs, by its source: Beats `GET /` with a version not below their own (`libbeat/outputs/elasticsearch`, "too old"), then
`/_license`, `/_ilm/policy/…`, `/_index_template/…`, `/_ingest/pipeline/…`; Logstash `HEAD /`, `GET /`, `/_license` with an active
licence, templates for each major version that it knows, and none else; Vector `/_cluster/health`; Fluent Bit `/_bulk` and
`/_bulk/?pipeline=…`; Elastic's clients the header `X-Elastic-Product`.
"""

import re
import secrets
import time
from typing import Any, ClassVar, Final
from urllib.parse import unquote

import orjson

from beffroi.logs.arrival import Batch, Form
from beffroi.logs.receivers.http import actions
from beffroi.logs.receivers.http.bodies import Failure, as_text
from beffroi.logs.receivers.http.documents import is_object
from beffroi.logs.receivers.http.exchange import Answer, Receiver, Request

VERSION: Final = "8.19.0"
"""What whoever does not name a version of its own is told: the last line of 8, because a Logstash of 8 has no templates for 9 and stops,
while whoever knows 9 knows 8."""

_SIBLING: Final = re.compile(rb"(?:Elastic-\w+|\w+beat|Logstash|elastic-agent)/([789])\.(\d{1,3})\.", re.IGNORECASE)
"""A shipper of Elastic's own that names its version as its User-Agent; it wants a server at least as new, and of its own major."""

_MONITORING: Final = "/_monitoring/bulk"


class BulkReceiver(Receiver):
    """The application for `_bulk`. Documents become messages of Form.JSON; an `_id` becomes the message's id behind its index, because
    an `_id` is unique in its index only."""

    key: ClassVar[str] = "bulk"
    headers: ClassVar[list[tuple[bytes, bytes]]] = [(b"x-elastic-product", b"Elasticsearch")]

    async def respond(self, request: Request) -> Answer:
        path, method = request.path, request.method
        if path.endswith("/_bulk") and method in {"POST", "PUT"}:
            return await self._bulk(request)
        parts = path.split("/")
        if method in {"POST", "PUT"} and len(parts) in {3, 4} and parts[2] in {"_doc", "_create"}:
            return await self._document(request, unquote(parts[1]), unquote(parts[3]) if len(parts) == 4 else None)
        if method in {"POST", "PUT", "DELETE"}:
            await request.body()
            return _brought(path)
        if method in {"GET", "HEAD"}:
            return _asked(path, request.headers.get(b"user-agent", b""))
        raise Failure(405, f"{method} is not supported.")

    async def _bulk(self, request: Request) -> Answer:
        began = time.monotonic()
        shape = request.query.get("filter_path", "")
        index = unquote(request.path[1 : -len("/_bulk")].partition("/")[0])
        bulk = await self.understood(await request.body(), actions.read, index, shape, request.limits)
        self.tally["unfit"] += bulk.unfit
        # With and without an id cannot be one batch. Where the second is refused all is sent again: at least once.
        await self.take(request, Batch(Form.JSON, bulk.named, bulk.ids))
        await self.take(request, Batch(Form.JSON, bulk.plain))
        return Answer(200, actions.answered(bulk, int((time.monotonic() - began) * 1000), shape))

    async def _document(self, request: Request, index: str, name: str | None) -> Answer:
        document = as_text(await request.body()).strip()
        if len(document) > request.limits.message:
            raise Failure(413, f"The document is longer than {request.limits.message} bytes.")
        if name is not None and len(name.encode()) > actions.LONGEST_ID:
            raise Failure(400, f"id is too long, must be no longer than {actions.LONGEST_ID} bytes")
        if not is_object(document):
            raise Failure(400, "failed to parse: the document is no JSON object")
        await self.take(request, Batch(Form.JSON, [document], None if name is None else [f"{index}/{name}"]))
        done = {
            "_index": index,
            "_id": secrets.token_urlsafe(15) if name is None else name,
            "_version": 1,
            "result": "created",
            "_shards": {"total": 1, "successful": 1, "failed": 0},
            "_seq_no": 0,
            "_primary_term": 1,
        }
        return Answer(201, orjson.dumps(done))

    def hangs_up(self, request: Request) -> bool:
        """rsyslog's omelasticsearch drops what it sent at any answer without items, 429 and 503 too; it alone names no User-Agent."""
        return b"user-agent" not in request.headers

    def failed(self, request: Request, failure: Failure) -> Answer:
        del request
        kind = _KINDS.get(failure.status, "illegal_argument_exception")
        cause = {"type": kind, "reason": failure.reason}
        return Answer(
            failure.status, orjson.dumps({"error": {"root_cause": [cause], **cause}, "status": failure.status})
        )


_KINDS: Final = {
    401: "security_exception",
    403: "security_exception",
    404: "resource_not_found_exception",
    413: "content_too_long_exception",
    429: "es_rejected_execution_exception",
    503: "unavailable_shards_exception",
}


def _brought(path: str) -> Answer:
    """What a client wants kept beside documents, or done: acknowledged where it changes nothing here, else not known."""
    if path == _MONITORING:
        return Answer(200, b'{"took":0,"ignored":true,"errors":false}')
    first = path.split("/", 2)[1] if path else ""
    last = path.rpartition("/")[2]
    if first in _KEPT_NOWHERE or (first and not first.startswith("_") and not last.startswith("_")):
        return Answer(200, orjson.dumps({"acknowledged": True, "shards_acknowledged": True, "index": first}))
    if last == "_refresh":
        return Answer(200, b'{"_shards":{"total":0,"successful":0,"failed":0}}')
    raise Failure(404, "Documents are received here, and nothing else.")


_KEPT_NOWHERE: Final = frozenset(
    ["_ilm", "_index_template", "_component_template", "_template", "_ingest", "_data_stream", "_alias", "_aliases"]
)


def _asked(path: str, agent: bytes) -> Answer:
    """What a client asks before it writes."""
    first = path.split("/", 2)[1] if path else ""
    known: dict[str, Any] | None = {
        "": _root(agent),
        "_license": {"license": _LICENCE},
        "_xpack": {"license": _LICENCE, "features": {"ilm": {"available": True, "enabled": True}}},
        "_cluster": _HEALTH if path.startswith("/_cluster/health") else {},
        # No address is told: a client that looks for more nodes stays with the one it was given.
        "_nodes": {"_nodes": {"total": 0, "successful": 0, "failed": 0}, "cluster_name": "beffroi", "nodes": {}},
    }.get(first)
    if known is None:
        # A template, policy, pipeline or index that is asked for is there, so that nobody brings it.
        if first.startswith("_") and first not in _KEPT_NOWHERE:
            raise Failure(404, "Documents are received here, and nothing else.")
        known = {}
    return Answer(200, orjson.dumps(known))


def _root(agent: bytes) -> dict[str, Any]:
    own = _SIBLING.search(agent[:256])
    number = f"{own[1].decode()}.{own[2].decode()}.99" if own else VERSION
    return {
        "name": "beffroi",
        "cluster_name": "beffroi",
        "cluster_uuid": "beffroi",
        "version": {
            "number": number,
            "build_flavor": "default",
            "build_type": "deb",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",  # clients of 7.14 and later 7s look for it
    }


_LICENCE: Final = {"uid": "beffroi", "type": "basic", "status": "active"}

_HEALTH: Final = {
    "cluster_name": "beffroi",
    "status": "green",
    "timed_out": False,
    "number_of_nodes": 1,
    "number_of_data_nodes": 1,
}
