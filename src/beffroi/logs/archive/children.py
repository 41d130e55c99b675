"""A process of its own for everything that DuckDB does: it can be killed, its memory is bounded, the service's stands alone."""

import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import orjson

from beffroi.core.model import Fault, Message


class Failed(Exception):
    """The child ended without having done its work; `reason` is what it said. `memory` where that was too small, `timed_out`
    where it took more processor time than it was given."""

    def __init__(self, reason: str | Message, *, memory: bool = False, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.memory = memory
        self.timed_out = timed_out


COMMAND = (sys.executable, "-I", "-X", "utf8", "-m", "beffroi.logs.archive.child")
_BLOCK = 1 << 16
_SIGXCPU = 24


def run(job: dict[str, Any], folder: Path, faults: list[Fault]) -> Generator[bytes, None, None]:
    """Lines that the child writes for a job, in blocks that end with a line. Closing the iterator kills the child. Raises
    Failed, after what came before."""
    with tempfile.TemporaryFile() as told:  # not a pipe: nobody reads it before the end
        process = subprocess.Popen(  # noqa: S603 - our own Python and module
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, cwd=folder
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(orjson.dumps(job) + b"\n")
            process.stdin.flush()  # and it stays open: when it closes, the child knows that we are gone
            yield from _blocks(process.stdout)
            code = process.wait()
        except BrokenPipeError:
            code = process.wait()
        finally:
            process.kill()
            process.stdout.close()
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
        _judge(code, told, faults)


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    while block := stream.read1(_BLOCK):  # type: ignore[attr-defined]  # a BufferedReader
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, block[:end]])
            rest = [block[end:]] if block[end:] else []
        else:
            rest.append(block)


def _judge(code: int, told: IO[bytes], faults: list[Fault]) -> None:
    told.seek(0)
    reason: str | Message = ""
    memory = False
    for line in told.read(1 << 22).splitlines():
        try:
            said = orjson.loads(line)
        except ValueError:
            reason = line.decode("utf-8", "replace")
            continue
        if "fault" in said:
            faults.append(Fault.from_plain(said["fault"]))
        else:
            error, memory = said["error"], said["memory"]
            reason = error if isinstance(error, str) else Message.from_plain(error)
    if code:
        timed_out = code == -_SIGXCPU
        raise Failed(reason or f"signal {-code}", memory=memory, timed_out=timed_out)
