"""The body of a request to Splunk's HTTP Event Collector → envelopes, each as its bytes: pure.

Source: Splunk's documentation, "Format events for HTTP Event Collector". Envelopes follow one another with anything or nothing between
them, or stand in one array. Raw bodies are lines.
"""

import json
from typing import Final, NamedTuple

import msgspec
import orjson

from beffroi.logs.formats.jsontext import loads_any
from beffroi.logs.receivers.http.bodies import Failure, Limits, as_text


class Envelopes(NamedTuple):
    """What a body came to: the envelopes to keep, and each that is unfit as (its number from 0, HEC's code)."""

    kept: list[bytes]
    unfit: list[tuple[int, int]]


NO_DATA: Final = 5
INVALID: Final = 6
NO_EVENT: Final = 12
BLANK_EVENT: Final = 13


class _Envelope(msgspec.Struct):
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode: Final = msgspec.json.Decoder(_Envelope).decode
_array: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_scan: Final = json.JSONDecoder(strict=False).raw_decode


def read(body: bytes, limits: Limits) -> Envelopes:
    """The envelopes of a body. An unfit one spoils none beside it; where the end of one cannot be found, it is the last.

    Raises Failure (413) for too many.
    """
    text = as_text(body).strip()
    if text.startswith(b"["):
        return _of_array(text, limits)
    kept: list[bytes] = []
    unfit: list[tuple[int, int]] = []
    lines = text.split(b"\n")
    for place, untidy in enumerate(lines):
        line = untidy.strip(b" \t\r,")
        done = 0
        for piece in _pieces(line):
            code = _fault(piece, limits)
            if code == INVALID:
                # It is no envelope a line: every end must be looked for. What was found before stands.
                rest = b"\n".join([line[done:], *lines[place + 1 :]])
                return _scanned(rest.decode(), kept, unfit, limits)
            done += len(piece)
            _add(piece, code, kept, unfit, limits)
    return Envelopes(kept, unfit)


def raw(body: bytes, query: dict[str, str], limits: Limits) -> Envelopes:
    """The lines of a raw body, each as an envelope with what the query says of them all."""
    said = {name: query[name] for name in ("host", "source", "sourcetype", "index", "time") if query.get(name)}
    kept: list[bytes] = []
    unfit: list[tuple[int, int]] = []
    for line in as_text(body).split(b"\n"):
        text = line.rstrip(b"\r")
        if text.strip():
            code = INVALID if len(text) > limits.message else None
            envelope = b"" if code else orjson.dumps({**said, "event": text.decode()})
            _add(envelope, code, kept, unfit, limits)
    return Envelopes(kept, unfit)


def _pieces(line: bytes) -> list[bytes]:
    """The envelopes of a line if none of them has `}{` in its text; where one has, a piece is unfit and is scanned."""
    if b"}{" not in line:
        return [line] if line else []
    parts = line.split(b"}{")
    return [parts[0] + b"}", *(b"{" + part + b"}" for part in parts[1:-1]), b"{" + parts[-1]]


def _fault(envelope: bytes, limits: Limits) -> int | None:
    """HEC's code for what is wrong with an envelope."""
    if len(envelope) > limits.message:
        return INVALID
    try:
        event = _decode(envelope).event
    except (msgspec.MsgspecError, RecursionError):
        return _rough_fault(envelope)
    if event is msgspec.UNSET:
        return NO_EVENT
    return {b"null": NO_EVENT, b'""': BLANK_EVENT}.get(bytes(event)) if len(event) <= 4 else None


def _rough_fault(envelope: bytes) -> int | None:
    """The same of what is JSON to the readers of logs alone."""
    try:
        value = loads_any(envelope)
    except (ValueError, RecursionError):
        return INVALID
    if not isinstance(value, dict):
        return INVALID
    event = value.get("event")
    if event is None:
        return NO_EVENT
    return BLANK_EVENT if event == "" else None


def _add(envelope: bytes, code: int | None, kept: list[bytes], unfit: list[tuple[int, int]], limits: Limits) -> None:
    if len(kept) + len(unfit) >= limits.messages:
        raise Failure(413, f"There are more than {limits.messages} events.")
    if code is None:
        kept.append(envelope)
    else:
        unfit.append((len(kept) + len(unfit), code))


def _of_array(text: bytes, limits: Limits) -> Envelopes:
    if text.count(b",") > limits.values:
        raise Failure(413, f"There are more than {limits.values} values in one array.")
    kept: list[bytes] = []
    unfit: list[tuple[int, int]] = []
    try:
        parts = _array(text)
    except (msgspec.MsgspecError, RecursionError):
        return Envelopes([], [(0, INVALID)])
    for part in parts:
        envelope = bytes(part)
        _add(envelope, _fault(envelope, limits), kept, unfit, limits)
    return Envelopes(kept, unfit)


def _scanned(text: str, kept: list[bytes], unfit: list[tuple[int, int]], limits: Limits) -> Envelopes:
    """Envelopes over many lines, or with `}{` in their text: the library finds the end of each."""
    if text.count(",") > limits.values:
        raise Failure(413, f"There are more than {limits.values} values.")  # the library makes them all
    place = 0
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        if place == len(text):
            return Envelopes(kept, unfit)
        try:
            end = _scan(text, place)[1]
        except (ValueError, RecursionError):
            _add(b"", INVALID, kept, unfit, limits)
            return Envelopes(kept, unfit)
        envelope = text[place:end].encode()
        _add(envelope, _fault(envelope, limits), kept, unfit, limits)
        place = end
