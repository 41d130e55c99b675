"""Where somebody came from, where a daemon may write a name instead of an address (sshd with UseDNS, ProFTPD)."""

from typing import Final

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import Reading, address, sign_in

LONGEST_NAME: Final = 255  # signs of a host's name (RFC 1035, 2.3.4)

AUTH: Final = LogSource("linux", None, "auth")


def came(source: LogSource, outcome: str | None, user: str | None, origin: str, **more: object) -> Reading:
    """A sign-in from `origin`: an address goes to `src_ip`, a name to `src_host`."""
    if address(origin) is None and 0 < len(origin) <= LONGEST_NAME and " " not in origin:
        more["src_host"] = origin
    return sign_in(source, outcome, user, origin, **more)
