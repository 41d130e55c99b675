"""Windows events that travel as XML within a syslog message (NXLog's `to_xml`, rsyslog's and other agents')."""

import re

from beffroi.core.model import Fields, UnfitError
from beffroi.logs.formats import eventxml

_START = re.compile(r"\s{0,16}(?:- ?)?(?:<\?xml[^<>]{0,128}\?>\s{0,16})?<Event[\s>]")


def read(text: str) -> Fields | None:
    """The fields of the <Event> that a message is, maybe behind the marks of a browser's tree ("- <Event …"); None for others.

    The message must be the event and nothing else: a name that somebody typed into another program may hold one.
    """
    if not _START.match(text) or not text.rstrip().endswith("</Event>"):
        return None
    try:
        return eventxml.parse(text[text.index("<Event") :].rstrip())
    except UnfitError:
        return None
