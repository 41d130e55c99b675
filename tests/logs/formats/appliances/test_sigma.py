"""SigmaHQ's own rules, as an operator loads them, on lines of appliances: the log source and the names are those they ask for."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from sigma.rule import SigmaRule

from beffroi.core.model import Fields, LogSource
from beffroi.detect.translate import translate
from beffroi.logs.formats import appliances, m365
from tests.detect.sigma import matches
from tests.logs.formats.test_m365 import ALERT, RULE, SIGN_IN

FORTIGATE = 'date=2026-03-04 time=10:11:12 devname="fgt" logid="0100044547" type="{kind}" '
ALLOWED = (
    "5,,,1000000103,igb0,match,pass,out,4,0x0,,64,42,0,none,6,tcp,60,192.0.2.5,203.0.113.9,5678,23,0,S,1,,1024,,mss"
)
WEBDAV = {
    "hostname": "example.org",
    "url": "/a",
    "http_method": "GET",
    "http_user_agent": "Microsoft-WebDAV-MiniRedir/10.0",
}
HTTP = {
    "event_type": "http",
    "timestamp": "x",
    "flow_id": 1,
    "src_ip": "192.0.2.5",
    "dest_ip": "9.9.9.9",
    "http": WEBDAV,
}

LINES = {
    "network/firewall/net_firewall_cleartext_protocols.yml": [
        ("filterlog", ALLOWED),
        ("", "[WAN_OUT-A-1] IN=br0 OUT=eth8 SRC=192.0.2.5 DST=203.0.113.9 LEN=60 PROTO=TCP SPT=5678 DPT=23 SYN "),
        ("", FORTIGATE.format(kind="traffic") + 'subtype="forward" srcip=192.0.2.5 dstip=203.0.113.9 dstport=23 proto=6 action="close"'),
        ("", "firewall,info accept forward: in:lan out:wan, proto TCP (SYN), 192.0.2.5:5678->203.0.113.9:23, len 60"),
    ],
    "network/fortinet/fortigate/fortinet_fortigate_new_admin_account_created.yml": [
        ("", FORTIGATE.format(kind="event") + 'subtype="system" user="admin" action="Add" cfgpath="system.admin" cfgobj="bert"'),
    ],
    "network/dns/net_dns_susp_telegram_api.yml": [
        ("dnsmasq", "query[A] api.telegram.org from 192.0.2.5"),
        ("unbound", "[99:0] info: 192.0.2.5 api.telegram.org. A IN"),
        ("named", "client @0x7f00 192.0.2.5#50000 (api.telegram.org): query: api.telegram.org IN A +"),
        ("", FORTIGATE.format(kind="utm") + 'subtype="dns" srcip=192.0.2.5 qname="api.telegram.org" qtype="A" action="pass"'),
        ("", '{"event_type":"dns","timestamp":"x","flow_id":1,"dns":{"type":"query","rrname":"api.telegram.org","rrtype":"A"}}'),
    ],
    "web/proxy_generic/proxy_downloadcradle_webdav.yml": [("", orjson.dumps(HTTP).decode())],
    "category/antivirus/av_hacktool.yml": [
        ("", FORTIGATE.format(kind="utm") + 'subtype="virus" filename="a.exe" virus="HackTool.Win32" action="blocked"'),
    ],
}  # fmt: skip

RECORDS: dict[str, dict[str, Any]] = {
    "threat_management/microsoft365_susp_inbox_forwarding.yml": ALERT,
    "threat_detection/microsoft365_from_susp_ip_addresses.yml": {
        **ALERT,
        "Name": "Activity from suspicious IP addresses",
    },
    "threat_management/microsoft365_pst_export_alert_using_new_compliancesearchaction.yml": {
        **ALERT,
        "Operation": "New-ComplianceSearchAction",
        "Parameters": [{"Name": "Export", "Value": "True"}, {"Name": "Format", "Value": "pst"}],
    },
    "audit/microsoft365_bypass_conditional_access.yml": {**SIGN_IN, "ObjectId": "00000003-0000-0000-c000-000000000000"},
    "audit/microsoft365_disabling_mfa.yml": {**SIGN_IN, "Operation": "Disable Strong Authentication."},
    "audit/microsoft365_suspicious_email_delivered.yml": {
        **SIGN_IN,
        "Operation": "TIMailData",
        "Workload": "ThreatIntelligence",
        "Directionality": "Inbound",
        "DeliveryAction": "Delivered",
    },
    "exchange/microsoft365_new_federated_domain_added_exchange.yml": {**RULE, "Operation": "Add-FederatedDomain"},
}


def fires(path: Path, source: LogSource, fields: Fields) -> bool:
    parsed = SigmaRule.from_yaml(path.read_text())
    rule = translate(parsed, rule_id=str(parsed.id), path=path.name, placeholders={})
    return bool(matches([rule], [fields], source))


@pytest.mark.parametrize("path", LINES)
def test_rules_for_appliances_fire_on_their_lines(corpus: Path, path: str) -> None:
    for program, text in LINES[path]:
        reading = appliances.read(program, text)
        assert reading, text
        assert fires(corpus / "sigma" / "rules" / path, *reading), (text, reading)


@pytest.mark.parametrize("path", RECORDS)
def test_rules_for_microsoft_365_fire_on_its_records(corpus: Path, path: str) -> None:
    record = m365.normalise(orjson.dumps(RECORDS[path]))
    assert fires(corpus / "sigma" / "rules" / "cloud" / "m365" / path, record.logsource, record.fields), record


def test_what_a_firewall_stopped_is_no_clear_text_that_went_through(corpus: Path) -> None:
    path = corpus / "sigma" / "rules" / "network/firewall/net_firewall_cleartext_protocols.yml"
    reading = appliances.read("filterlog", ALLOWED.replace("pass", "block"))
    assert reading
    assert not fires(path, *reading)
