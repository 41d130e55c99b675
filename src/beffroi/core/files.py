"""Files that last: what is on disk when a call returns, also where the machine loses its power at once."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """When it returns, the names in a folder are on disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file as a whole; when this returns it is on disk. Raises OSError, and then the old one stands."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


@contextmanager
def fresh_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Claim a name that is free, with rights 0600, and give what writes the file: whole, and on disk when it returns. Where the body
    fails, nothing is left. Raises OSError, FileExistsError where the name is taken."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def write(content: bytes) -> None:
        handle, draft = tempfile.mkstemp(prefix=".beffroi-", dir=path.parent)  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)

    try:
        yield write
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
