"""The senders of intake.py, each a process of its own, so that sending is not counted as receiving.

    python benchmarks/sending.py (bulk EVENTS | tcp -) PORT COUNT RATE

COUNT events at RATE a second (0: as fast as they are taken). `bulk` sends the lines of a file of Windows events as JSON, a hundred
to a request, and sends again what was not taken; `tcp` sends lines as a firewall and a server write them.
"""

import http.client
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

PORTION = 100  # events to a request or a write; fewer at a low rate


def appliance(seed: int = 1) -> Iterator[bytes]:
    """Lines of a FortiGate, of sshd and of Postfix, with values of their own."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    number = 0
    while True:
        number += 1
        stamp = time.strftime("%b %d %H:%M:%S")
        inside, outside = f"192.168.{chance.randrange(4)}.{chance.randrange(250)}", f"203.0.113.{chance.randrange(250)}"
        port = chance.randrange(1_024, 65_535)
        yield (
            f'<189>date={time.strftime("%Y-%m-%d")} time={time.strftime("%H:%M:%S")} devname="fw" devid="FGT60F0000000001" '
            f'logid="0000000013" type="traffic" subtype="forward" level="notice" vd="root" srcip={inside} srcport={port} '
            f'srcintf="lan" dstip={outside} dstport=443 dstintf="wan1" policyid=3 sessionid={number} proto=6 action="accept" '
            f'service="HTTPS" sentbyte={port * 3} rcvdbyte={port * 7}\n'
        ).encode()
        yield (
            f"<38>{stamp} srv sshd[{port}]: Failed password for invalid user u{number} from {outside} port {port} ssh2\n"
        ).encode()
        yield f"<22>{stamp} mail postfix/smtpd[{port}]: connect from unknown[{outside}]\n".encode()


def bulk(path: str, port: int) -> Callable[[int], None]:
    lines = cycle(Path(path).read_bytes().splitlines(keepends=True))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(count: int) -> None:
        body = b"".join(b'{"create":{}}\n' + line for line in islice(lines, count))
        while True:
            connection.request("POST", "/_bulk", body, {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status == 200 and b'"errors":false' in said:
                return
            time.sleep(0.2)

    return send


def tcp(_: str, port: int) -> Callable[[int], None]:
    lines = appliance()
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    return lambda count: connection.sendall(b"".join(islice(lines, count)))


def main(kind: str, path: str, port: str, count: str, rate: str) -> None:
    send = {"bulk": bulk, "tcp": tcp}[kind](path, int(port))
    left, a_second, began = int(count), float(rate), time.monotonic()
    portion = min(PORTION, int(a_second / 20) or 1) if a_second else PORTION
    sent = 0
    while sent < left:
        some = min(portion, left - sent)
        send(some)
        sent += some
        if a_second:
            time.sleep(max(0.0, began + sent / a_second - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
