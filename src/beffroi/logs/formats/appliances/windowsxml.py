"""Windows events that travel as XML within a syslog message (NXLog's `to_xml`, rsyslog's and other agents')."""

from beffroi.core.model import Fields, UnfitError
from beffroi.logs.formats import eventxml


def read(text: str) -> Fields | None:
    """The fields of the <Event> that a message is, maybe behind the marks of a browser's tree ("- <Event …"); None without one."""
    start = text.find("<Event", 0, 256)
    if start < 0:
        return None
    end = text.rfind("</Event>")
    if end < start:
        return None
    try:
        return eventxml.parse(text[start : end + 8])
    except UnfitError:
        return None
