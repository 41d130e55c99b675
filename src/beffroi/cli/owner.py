"""A command that root starts becomes the data folder's owner before it opens anything in it: what it writes there the service
must be able to read, and a fault in it must not have root's rights."""

import os
import pwd
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from beffroi.core.errors import BeffroiError, DefectError, InputError
from beffroi.web.plain import error_from_plain, error_to_plain


def other_owner(data_dir: Path) -> tuple[int, int] | None:
    """The account (user, group) that root should become for this folder; None where there is nothing to become."""
    if os.geteuid() != 0:
        return None
    try:
        state = data_dir.stat()
    except FileNotFoundError:
        return None
    return (state.st_uid, state.st_gid) if state.st_uid != 0 else None


def become_owner(data_dir: Path) -> None:
    """Give up root's rights for good, those of its groups too. Raises OSError."""
    account = other_owner(data_dir)
    if account is None:
        return
    user, group = account
    try:
        known = pwd.getpwuid(user)
    except KeyError:
        os.setgroups([group])
    else:
        group = known.pw_gid
        os.initgroups(known.pw_name, group)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)


def apart(data_dir: Path, act: Callable[[], Any]) -> Any:
    """What `act` gives, which becomes the owner; this process keeps its rights where it has more, to write what comes of it
    where the owner could not. The result is what JSON can hold. Raises what `act` raises."""
    if other_owner(data_dir) is None:
        return act()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "wb") as out:
                out.write(orjson.dumps(_tried(act)))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as into:
        said = into.read()
    os.waitpid(child, 0)
    told = orjson.loads(said) if said else error_to_plain(DefectError())
    if "result" not in told:
        raise error_from_plain(told)
    return told["result"]


def _tried(act: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"result": act()}
    except BeffroiError as error:
        return error_to_plain(error)
    except OSError as error:
        return error_to_plain(InputError(path=error.filename or "?", reason=error.strerror or str(error)))
    except BaseException:  # noqa: BLE001 - the last line of defence of this process
        traceback.print_exc()
        return error_to_plain(DefectError())
