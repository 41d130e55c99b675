"""How a command acts: through the service where it runs, else through the same application in its own process."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Final, TypeVar
from urllib.parse import quote

import click
import httpx
import orjson

from beffroi.cli.options import Shared
from beffroi.cli.owner import become_owner
from beffroi.core.config import Config, load
from beffroi.core.errors import BeffroiError, StoreBusyError, StoreError
from beffroi.core.model import message
from beffroi.store import Store
from beffroi.web import local
from beffroi.web.plain import error_from_plain

R = TypeVar("R")

WAIT: Final = 10.0
"""Seconds that a command waits for another one, or for the service to start or stop."""

ANSWER: Final = httpx.Timeout(120.0, connect=5.0)
"""Seconds within which an action is done."""

_BASE: Final = "http://beffroi"


def act(config: Config, name: str, arguments: Mapping[str, Any] | None = None, *, wait: float = WAIT) -> Any:
    """Do an action and give its result. As root, become the data folder's owner first.

    Raises what the action raises, StoreBusyError where another command does not end, StoreError.
    """
    headers = {"Content-Type": "application/json", local.CALLER: quote(local.caller())}
    become_owner(config.data_dir)
    body = orjson.dumps(arguments or {})
    until = time.monotonic() + wait
    while True:
        response = _from_service(config.data_dir, name, body, headers)
        if response is not None:
            return _result(response)
        try:
            with Store.open(config.data_dir, wait=min(0.3, wait)) as store:
                return _result(asyncio.run(_from_ourselves(store, name, body, headers)))
        except StoreBusyError:
            if time.monotonic() >= until:
                raise


def _from_service(data_dir: Path, name: str, body: bytes, headers: dict[str, str]) -> httpx.Response | None:
    """What the service answers; None where none runs."""
    try:
        if not data_dir.is_dir():
            return None
        with local.reached(data_dir) as path:
            if not _listens(path):
                return None
            with httpx.Client(transport=httpx.HTTPTransport(uds=path), base_url=_BASE, timeout=ANSWER) as client:
                return client.post(f"/actions/{name}", content=body, headers=headers)
    except PermissionError as error:
        raise StoreError(path=data_dir, reason=message("it belongs to another account; try again with sudo")) from error
    except httpx.ConnectError:
        return None
    except httpx.TransportError as error:
        raise StoreError(
            path=data_dir,
            reason=message("the service stopped answering; `beffroi ledger show` says whether it was done"),
        ) from error


def _listens(path: str) -> bool:
    """Whether somebody listens on a socket: there may be none, or one that a dead service left. Raises PermissionError."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


async def _from_ourselves(store: Store, name: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    from beffroi.service import doctor
    from beffroi.service.status import actions
    from beffroi.web.app import ACTIONS, application

    transport = httpx.ASGITransport(
        application(store, local.owner, actions=(*ACTIONS, *actions(None), doctor.action(None)))
    )
    async with httpx.AsyncClient(transport=transport, base_url=_BASE, timeout=ANSWER) as client:
        return await client.post(f"/actions/{name}", content=body, headers=headers)


def _result(response: httpx.Response) -> Any:
    try:
        told = orjson.loads(response.content)
        error = None if response.is_success else error_from_plain(told)
    except ValueError as strange:
        raise BeffroiError(
            reason=message("The service answers what this version does not understand; start the service again")
        ) from strange
    if error is not None:
        raise error
    return told


def house_options(verb: Callable[Concatenate[Shared, Config, ...], R]) -> Callable[..., R]:
    """Give a verb --data-dir and --config; it receives what they came to as its second argument, after `Shared`."""

    @click.option("--data-dir", type=click.Path(path_type=Path, readable=False), help="Where the house's data lie.")
    @click.option("--config", type=click.Path(path_type=Path, readable=False), help="Another configuration file.")
    @wraps(verb)
    def with_house(shared: Shared, **kwargs: Any) -> R:
        return verb(shared, load(kwargs.pop("config"), data_dir=kwargs.pop("data_dir")), **kwargs)

    return with_house
