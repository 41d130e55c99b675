"""UniFi's access points: which machine joins and leaves the radio (`hostapd`).

UniFi gateways' packets are netfilter's (see `netfilter`), UniFi OS's own events are CEF (see `formats.cef`).
"""

import re

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading

_STATION = re.compile(r"(?:([A-Za-z0-9.\-]{1,24}): )?STA ([0-9A-Fa-f:]{17}) ([A-Z][A-Za-z0-9. ]{1,15}): ")


# 'AP1 BZ2,00:00:5e:00:53:01,v6.6.55: ', '("U7LT,00005e005301,v6.6.55") ', "U6-Lite,U6L-6.6.55: ": name, model, address, version.
_BEFORE = re.compile(
    r'(?:\("|[\w\-]{1,32} )?[\w\-]{1,32},[\w.:+\-]{4,40}(?:,[\w.+\-]{1,40})?(?:"\)|:) hostapd(?:\[\d{1,8}\])?: '
)


def read_access_point(text: str) -> Reading | None:
    """The same behind what an access point puts in place of a header."""
    found = _BEFORE.match(text)
    return read(text[found.end() :]) if found else None


def read(text: str) -> Reading | None:
    """A line of hostapd's about one station; None for others."""
    found = _STATION.match(text)
    if not found:
        return None
    said = text[found.end() :].rstrip()
    fields: Fields = {"mac": found[2].lower(), "protocol": found[3], "said": said}
    if found[1]:
        fields["interface"] = found[1]
    low = said[:128].lower()
    if "authentication failed" in low or "mic failure" in low or "invalid mic" in low or "auth_failed" in low:
        fields.update(outcome=FAILURE, action="login")
    elif "handshake completed" in low and "pairwise" in low:
        fields.update(outcome=SUCCESS, action="login")
    elif found[3] == "IEEE 802.11":
        fields["action"] = low.partition(" ")[0]
    return LogSource("unifi", None, "hostapd"), fields
