"""Files that last: what is on disk when a call returns, also where the machine loses its power at once."""

import os
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
