"""LEEF 1.0 and 2.0. The messages follow IBM's "QRadar Log Event Extended Format (LEEF)"; the values are invented."""

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats import leef


@pytest.mark.parametrize(
    "text",
    [
        "LEEF:1.0|Acme|Gate|1.0|login|src=203.0.113.9\tdst=192.0.2.1\tusrName=anna\tsrcPort=5\tmsg=a=b c",
        "LEEF:2.0|Acme|Gate|1.0|login|^|src=203.0.113.9^dst=192.0.2.1^usrName=anna^srcPort=5^msg=a=b c",
        "LEEF:2.0|Acme|Gate|1.0|login|x5E|src=203.0.113.9^dst=192.0.2.1^usrName=anna^srcPort=5^msg=a=b c",
        "LEEF: 2.0|Acme|Gate|1.0|login|0x09|src=203.0.113.9\tdst=192.0.2.1\tusrName=anna\tsrcPort=5\tmsg=a=b c",
        "LEEF:2.0|Acme|Gate|1.0|login|src=203.0.113.9\tdst=192.0.2.1\tusrName=anna\tsrcPort=5\tmsg=a=b c",
    ],
)
def test_attributes_are_parted_by_what_the_header_says(text: str) -> None:
    assert leef.read(text) == (
        LogSource("gate", None, "leef"),
        {
            "src": "203.0.113.9",
            "dst": "192.0.2.1",
            "usrName": "anna",
            "srcPort": "5",
            "msg": "a=b c",
            "deviceVendor": "Acme",
            "deviceProduct": "Gate",
            "deviceVersion": "1.0",
            "EventID": "login",
            "src_ip": "203.0.113.9",
            "dst_ip": "192.0.2.1",
            "src_port": 5,
            "username": "anna",
        },
    )


def test_what_is_no_leef_is_nothing() -> None:
    for text in ("LEEF:", "LEEF:3.0|a|b|c|d|", "LEEF:1.0|a|b|c", "hello"):
        assert leef.read(text) is None
