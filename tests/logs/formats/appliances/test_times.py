from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beffroi.core.model import LogSource
from beffroi.logs.formats import appliances
from beffroi.logs.formats.appliances import times
from beffroi.logs.formats.common import epoch, iso

WHEN = datetime(2026, 3, 4, 9, 11, 12, tzinfo=UTC)
STAMP = int(WHEN.timestamp())


@pytest.mark.parametrize(
    "text",
    [
        f'date=2026-03-04 time=10:11:12 eventtime={STAMP} tz="+0100" type="event" subtype="vpn"',
        f'date=2026-03-04 time=10:11:12 eventtime={STAMP}000000000 tz="+0100" type="event" subtype="vpn"',
        'date=2026-03-04 time=10:11:12 tz="+0100" type="event" subtype="vpn"',
        '{"timestamp":"2026-03-04T10:11:12.000000+0100","flow_id":1,"event_type":"tls"}',
        '{"reqId":"1","time":"2026-03-04T09:11:12+00:00","remoteAddr":"192.0.2.5"}',
        "CEF:0|Ubiquiti|UniFi Network|9.4|1|x|1|UNIFIutcTime=2026-03-04T09:11:12.000Z msg=x",
        f"CEF:0|a|b|c|d|e|f|rt={STAMP}000",
        f"LEEF:1.0|a|b|c|d|devTime={STAMP}000",
        '2026-03-04T09:11:12.000Z,00E,2,192.0.2.1:143,203.0.113.9:35070,anna,1,1,1,login,,"R=ok",',
    ],
)
def test_a_message_states_its_time(text: str) -> None:
    reading = appliances.of_text(text)
    assert reading
    assert times.stated(*reading) == WHEN


@pytest.mark.parametrize(
    "text",
    [
        'date=2026-03-04 time=10:11:12 type="event" subtype="vpn"',
        "CEF:0|a|b|c|d|e|f|rt=Mar 04 2026 10:11:12",
        "CEF:0|a|b|c|d|e|f|msg=x",
        "conn log: Users: a, Source IP: 192.0.2.5, Action: Logout",
    ],
)
def test_a_time_without_its_zone_is_none(text: str) -> None:
    reading = appliances.of_text(text)
    assert reading
    assert times.stated(*reading) is None


@given(st.integers() | st.floats() | st.text(max_size=45) | st.none() | st.lists(st.integers(), max_size=1))
def test_any_value_is_a_time_in_utc_or_none(value: object) -> None:
    for when in (epoch(value), iso(value), times.stated(LogSource("suricata"), {"timestamp": value})):
        assert when is None or when.tzinfo is UTC
