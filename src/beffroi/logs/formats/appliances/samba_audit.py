"""What people do with files on a Samba share: `vfs_full_audit`, program `smbd_audit`.

vfs_full_audit(8): a prefix that the administrator chooses (`full_audit:prefix`, as `%u|%I|%S`), then the operation, `ok` or `fail (why)`, and
what it was done to, all parted by bars. File names may hold bars; they stand last.
"""

import re
from typing import Final

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import Reading, address

MOST = 24  # parts before the operation that are looked at

OPERATIONS: Final[dict[str, str | None]] = {
    "connect": None,
    "disconnect": None,
    "opendir": None,
    "fdopendir": None,
    "create_file": "file_access",
    "open": "file_access",
    "openat": "file_access",
    "read": "file_access",
    "pread": "file_access",
    "pread_send": "file_access",
    "sendfile": "file_access",
    "write": "file_event",
    "pwrite": "file_event",
    "pwrite_send": "file_event",
    "recvfile": "file_event",
    "ftruncate": "file_event",
    "mkdir": "file_event",
    "mkdirat": "file_event",
    "linkat": "file_event",
    "symlinkat": "file_event",
    "unlink": "file_delete",
    "unlinkat": "file_delete",
    "rmdir": "file_delete",
    "rename": "file_rename",
    "renameat": "file_rename",
    "chmod": None,
    "fchmod": None,
    "chown": None,
    "fchown": None,
    "fset_nt_acl": None,
    "set_nt_acl": None,
}
"""The operations worth auditing, each with Sigma's category."""
_LABELS: Final = {
    "ip": "src_ip", "address": "src_ip", "client": "src_ip", "user": "username", "machine": "workstation", "host": "workstation",
    "volume": "share", "share": "share",
}  # fmt: skip
"""What administrators call the parts of a prefix."""
_TIME = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?\Z")  # %T
_FLAGS = {"r", "w"}  # of an opened file


def read(text: str) -> Reading | None:
    """An operation; None where there is none."""
    parts = text.rstrip().split("|", MOST + 2)
    for at, operation in enumerate(parts[:-1][:MOST]):
        result = parts[at + 1]
        if operation in OPERATIONS and (result == "ok" or result.startswith("fail")):
            return _operation(parts[:at], operation, result, "|".join(parts[at + 2 :]))
    return None


def _operation(prefix: list[str], operation: str, result: str, rest: str) -> Reading:
    """Of the prefix the address and the time are known by their shape, what the administrator gave a name by that
    (`IP=%I|USER=%u|MACHINE=%m|VOLUME=%S`); of the others the user stands first and the share last, as in Samba's own examples."""
    fields: Fields = {"action": operation, "result": "ok" if result == "ok" else "fail"}
    if result != "ok":
        fields["failure_reason"] = result.removeprefix("fail").strip(" ()")
    others = []
    for part in prefix:
        label, sign, value = part.partition("=")
        name = _LABELS.get(label.strip().lower()) if sign else None
        ip = address(value if name == "src_ip" else part)
        if ip:
            fields.setdefault("src_ip", ip)
        elif name is not None:
            fields.setdefault(name, value)
        elif _TIME.match(part):
            fields.setdefault("time", part)
        else:
            others.append(part)
    if others:
        fields.setdefault("username", others[0])
    if len(others) > 1:
        fields.setdefault("share", others[-1])
    if len(others) > 2:
        fields.setdefault("workstation", others[1])
    category = OPERATIONS[operation]
    target = rest
    if operation in {"open", "openat"}:
        flag, sign, name = rest.partition("|")
        if sign and flag in _FLAGS:
            target = name
            category = "file_event" if flag == "w" else category
    elif operation == "create_file":
        # access mask, "file" or "dir", disposition, name
        described = rest.split("|", 3)
        if len(described) == 4:
            target = described[3]
            category = (
                "file_event" if described[2] in {"create", "supersede", "overwrite", "overwrite_if"} else category
            )
    elif category == "file_rename":
        target, sign, renamed = rest.partition("|")
        if sign:
            fields["renamed"] = renamed
    if target:
        fields["TargetFilename"] = target
    return LogSource("samba", category, "full_audit"), fields
