"""Secret files of the house: in a folder of their own, for its owner alone, written whole or not at all."""

import os
import secrets
from pathlib import Path
from typing import Final

from beffroi.core.errors import StoreError
from beffroi.core.files import sync_folder
from beffroi.core.model import message

FOLDER: Final = "keys"
"""In the data folder. Never part of a support bundle."""

LONGEST: Final = 1 << 20


def folder(data_dir: Path) -> Path:
    """The folder of keys, made if need be. Raises StoreError."""
    path = data_dir / FOLDER
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        if path.lstat().st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise StoreError(path=path, reason=error.strerror or str(error)) from error
    return path


def read(path: Path) -> bytes | None:
    """A secret file, None where there is none; one that others could read is closed to them. Raises StoreError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(path=path, reason=error.strerror or str(error)) from error
    with os.fdopen(handle, "rb") as file:
        if os.fstat(handle).st_uid != os.geteuid():
            raise StoreError(path=path, reason=message("the key belongs to another account"))
        if os.fstat(handle).st_mode & 0o077:
            os.fchmod(handle, 0o600)
        return file.read(LONGEST)


def write(path: Path, content: bytes) -> None:
    """Put a secret file there in one step, on the disk before it has its name. Raises StoreError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        for left in path.parent.glob(f".{path.name}.*"):  # by somebody who was killed while writing
            left.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(path=path, reason=error.strerror or str(error)) from error
