"""A harmless sign of life through every receiver, each day: it must come out as an understood event, or a finding says so.

Each message carries a token drawn for this one try, so an old or a forged one proves nothing. It is sent as a stranger would send
it, over the network and through TLS, to this machine's own address.
"""

import asyncio
import json
import re
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

MARK: Final = b"beffroi-selftest "
TOKEN: Final = re.compile(rb"beffroi-selftest ([0-9a-f]{32})(?![0-9a-f])")
TIMEOUT: Final = 20.0  # seconds until a receiver must have taken it
GOODBYE: Final = 2.0  # seconds for the end of a connection
_PRI: Final = b"<14>1 - beffroi beffroi-selftest - - - "


class Target(NamedTuple):
    """A receiver as it listens: where, and how its TLS is checked (None: plain)."""

    receiver: str
    host: str
    port: int
    tls: ssl.SSLContext | None


def token_in(message: bytes) -> str | None:
    """The token of a sign of life; None for any other message."""
    if MARK not in message:
        return None
    found = TOKEN.search(message)
    return found[1].decode() if found else None


async def send(target: Target, token: str) -> None:
    """Send it to a receiver. Raises OSError (TimeoutError, ssl.SSLError among them) where it is not taken."""
    async with asyncio.timeout(TIMEOUT):
        await SENDERS[target.receiver](target, MARK + token.encode())


async def _udp(target: Target, text: bytes) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(target.host, target.port)
    )
    transport.sendto(_PRI + text)
    transport.close()


async def _syslog(target: Target, text: bytes) -> None:
    line = _PRI + text
    await _spoken(target, [(b"%d %s" % (len(line), line), None)])


async def _relp(target: Target, text: bytes) -> None:
    offer, line = b"relp_version=0\ncommands=syslog", _PRI + text
    await _spoken(
        target,
        [
            (b"1 open %d %s\n" % (len(offer), offer), b"1 rsp"),
            (b"2 syslog %d %s\n" % (len(line), line), b"2 rsp"),
            (b"3 close 0\n", None),
        ],
        answers=re.compile(rb"([12] rsp) \d+ 200"),
    )


async def _lumberjack(target: Target, text: bytes) -> None:
    body = json.dumps({"message": text.decode()}).encode()
    frames = b"2W" + struct.pack(">I", 1) + b"2J" + struct.pack(">II", 1, len(body)) + body
    await _spoken(target, [(frames, b"2A\0\0\0\x01")], answers=re.compile(rb"(2A\0\0\0\x01)", re.DOTALL))


async def _spoken(
    target: Target, turns: list[tuple[bytes, bytes | None]], answers: re.Pattern[bytes] | None = None
) -> None:
    """Say each, and wait for its answer where it has one."""
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=target.tls)
    try:
        heard = b""
        for said, awaited in turns:
            writer.write(said)
            await writer.drain()
            while awaited is not None and answers is not None and awaited not in answers.findall(heard):
                block = await reader.read(4_096)
                if not block:
                    raise ConnectionResetError("closed without an answer")
                heard = (heard + block)[-65_536:]
    finally:
        await _close(writer)


def _posting(path: str, body: Callable[[str], str]) -> Callable[[Target, bytes], Awaitable[None]]:
    async def post(target: Target, text: bytes) -> None:
        content = body(text.decode()).encode()
        request = (
            f"POST {path} HTTP/1.1\r\nHost: {target.host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        answer = await _answered(target, request.encode() + content)
        if not re.match(rb"HTTP/1\.1 20\d ", answer):
            raise ConnectionRefusedError(answer.split(b"\r\n", 1)[0][:100].decode("ascii", "replace"))

    return post


async def _answered(target: Target, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=target.tls)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.read(65_536)
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Say goodbye, and go where the other side does not answer it: what had to be taken was taken."""
    writer.close()
    try:
        async with asyncio.timeout(GOODBYE):
            await writer.wait_closed()
    except OSError:  # TimeoutError among them
        writer.transport.abort()


SENDERS: Final[dict[str, Callable[[Target, bytes], Awaitable[None]]]] = {
    "syslog_udp": _udp,
    "syslog_tcp": _syslog,
    "syslog_tls": _syslog,
    "relp": _relp,
    "lumberjack": _lumberjack,
    "bulk": _posting("/_bulk", lambda text: '{"create":{}}\n' + json.dumps({"message": text}) + "\n"),
    "hec": _posting("/services/collector/event", lambda text: json.dumps({"event": text})),
    "otlp": _posting(
        "/v1/logs",
        lambda text: json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": text}}]}]}]}),
    ),
}
