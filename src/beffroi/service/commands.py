"""The application over the Unix socket, served inside the service's task group."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.applications import Starlette


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the service's."""
        yield

    async def main_loop(self) -> None:
        """Until cancelled. uvicorn's own looks ten times a second whether it is to end, all night long."""
        await asyncio.get_running_loop().create_future()


async def serve(app: Starlette, listener: socket.socket) -> None:
    """Serve until cancelled; commands under way get two seconds to end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        date_header=False,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    try:
        await server.serve(sockets=[listener])
    finally:
        with suppress(AttributeError, RuntimeError):  # not yet begun
            await server.shutdown(sockets=[listener])
        listener.close()
