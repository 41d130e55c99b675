"""UniFi's access points: which machine joins and leaves the radio (`hostapd`).

UniFi gateways' packets are netfilter's (see `netfilter`), UniFi OS's own events are CEF (see `formats.cef`).
"""

import re

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.appliances.common import FAILURE, SUCCESS, Reading

_STATION = re.compile(r"([A-Za-z0-9.\-]{1,24}): STA ([0-9A-Fa-f:]{17}) ([A-Z][A-Za-z0-9. ]{1,15}): ")


def read(text: str) -> Reading | None:
    """A line of hostapd's about one station; None for others."""
    found = _STATION.match(text)
    if not found:
        return None
    said = text[found.end() :].rstrip()
    fields: Fields = {"interface": found[1], "mac": found[2].lower(), "protocol": found[3], "said": said}
    low = said[:128].lower()
    if "authentication failed" in low or "mic failure" in low or "invalid mic" in low or "auth_failed" in low:
        fields.update(outcome=FAILURE, action="login")
    elif "handshake completed" in low and "pairwise" in low:
        fields.update(outcome=SUCCESS, action="login")
    elif found[3] == "IEEE 802.11":
        fields["action"] = low.partition(" ")[0]
    return LogSource("unifi", None, "hostapd"), fields
