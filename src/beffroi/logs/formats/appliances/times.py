"""When it happened, where an appliance says so within its message: such senders often leave out the syslog header's time, or cut its
zone and its year. Only times that name their zone are taken; for the others the header's or the arrival counts."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.appliances import fortigate, samba
from beffroi.logs.formats.common import epoch, iso


def stated(source: LogSource, fields: Fields) -> datetime | None:
    """The time (UTC) that a reading's own fields state with its zone, else None."""
    of_product = _PRODUCTS.get(source.product or "")
    if of_product is not None:
        return of_product(fields)
    return _cef(fields) if source.service in {"cef", "leef"} else None


def _cef(fields: Fields) -> datetime | None:
    """`rt` of CEF and `devTime` of LEEF: here only as a number; as text they name no zone."""
    for name in ("UNIFIutcTime", "rt", "end", "devTime"):
        if (when := epoch(fields.get(name)) or iso(fields.get(name))) is not None:
            return when
    return None


_PRODUCTS: Final[dict[str, Callable[[Fields], datetime | None]]] = {
    "fortigate": fortigate.time_of,
    "suricata": lambda fields: iso(fields.get("timestamp")),
    "samba": samba.time_of,
    "nextcloud": lambda fields: iso(fields.get("time")),
    "exchange": lambda fields: iso(fields.get("date-time")),
}
