"""Sign-ins to Proxmox VE (`pvedaemon`) and Proxmox Backup Server (`proxmox-backup-api`, `proxmox-backup-proxy`).

authentication failure; rhost=192.0.2.1 user=anna@pam msg=no such user ('anna@pam')
<root@pam> successful auth for user 'root@pam'
"""

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, endpoint, sign_in

_SOURCE = LogSource("proxmox", None, "auth")
_FAILED = "authentication failure; rhost="
_DONE = "successful auth for user '"


def read(text: str) -> Reading | None:
    """A sign-in or its failure; None for others."""
    text = text.removeprefix(": ")  # Proxmox Backup's own file: the time, then this
    if text.startswith(_FAILED):
        origin, sign, rest = text[len(_FAILED) :].partition(" user=")
        user, _, reason = rest.partition(" msg=")
        if not sign:
            return None
        ip, port = endpoint(origin)
        return sign_in(_SOURCE, FAILURE, user, ip, src_port=port, failure_reason=reason.strip() or None, action="login")
    _, sign, rest = text[:512].partition(_DONE)
    if sign and (text.startswith((_DONE, "<"))):
        return sign_in(_SOURCE, SUCCESS, rest.rstrip().removesuffix("'"), None, action="login")
    return None
