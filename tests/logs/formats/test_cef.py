"""CEF. The messages follow ArcSight's guide ("Implementing ArcSight Common Event Format") and Ubiquiti's ("UniFi System Logs & SIEM
Integration"); the values are invented."""

from beffroi.core.model import LogSource
from beffroi.logs.formats import cef


def test_header_and_extension_are_unescaped() -> None:
    parsed = cef.parse(
        r"CEF:0|Acme|A\|B\\|1.0|100|a \| name|10|src=192.0.2.1 msg=a\=b c \\ d\nnext cs1Label=Rule cs1=my rule"
    )
    assert parsed
    header, fields = parsed
    assert header == cef.Header("0", "Acme", "A|B\\", "1.0", "100", "a | name", "10")
    assert fields == {
        "src": "192.0.2.1",
        "msg": "a=b c \\ d\nnext",
        "cs1Label": "Rule",
        "cs1": "my rule",
        "Rule": "my rule",
    }


def test_a_firewall_in_cef_is_a_firewall() -> None:
    reading = cef.read(
        "CEF:0|Acme|Fire Wall|1|1|Traffic|3|act=Deny src=203.0.113.9 spt=5 dst=192.0.2.1 dpt=22 proto=TCP suser=anna"
    )
    assert reading
    source, fields = reading
    assert source == LogSource("fire_wall", "firewall", "cef")
    assert {
        name: fields[name] for name in ("src_ip", "dst_ip", "dst_port", "protocol", "action", "blocked", "username")
    } == {
        "src_ip": "203.0.113.9",
        "dst_ip": "192.0.2.1",
        "dst_port": 22,
        "protocol": "tcp",
        "action": "Deny",
        "blocked": "true",
        "username": "anna",
    }


def test_unifi_os_tells_who_came_in_and_what_was_stopped() -> None:
    came = cef.read(
        "CEF:0|Ubiquiti|UniFi Network|9.4|544|Admin Accessed UniFi Network|1|UNIFIcategory=System UNIFIsubCategory=Admin "
        "UNIFIhost=Tower UNIFIaccessMethod=web UNIFIadmin=Anna A src=192.0.2.5 msg=Anna A accessed UniFi Network. Source IP: 192.0.2.5"
    )
    assert came
    assert came[0] == LogSource("unifi", None, "cef")
    assert (came[1]["username"], came[1]["src_ip"], came[1]["outcome"]) == ("Anna A", "192.0.2.5", "success")
    stopped = cef.read(
        "0|Ubiquiti|UniFi Network|9.4|201|Threat Detected and Blocked|7|proto=TCP src=203.0.113.9 spt=5 dst=192.0.2.1 dpt=443 "
        "UNIFIcategory=Security UNIFIsubCategory=Intrusion Prevention UNIFIipsSignature=A name with = in it msg=blocked"
    )
    assert stopped
    assert stopped[0] == LogSource("unifi", None, "ips")
    assert (stopped[1]["blocked"], stopped[1]["UNIFIipsSignature"]) == ("true", "A name with = in it")


def test_a_name_that_comes_twice_hides_nothing_and_frames_nobody() -> None:
    reading = cef.read("CEF:0|A|B|1|1|n|1|suser=x src=198.51.100.66 src=203.0.113.9")
    assert reading
    assert reading[1]["src"] == ["198.51.100.66", "203.0.113.9"]
    assert "src_ip" not in reading[1]


def test_what_is_no_cef_is_nothing() -> None:
    for text in ("CEF:", "CEF:0|a|b", "CEF:x|a|b|c|d|e|f|", "hello", "0|a\\|b|c|d|e|f"):
        assert cef.read(text) is None
