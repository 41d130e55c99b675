"""Beffroi's rules of getting in, on lines as devices send them, through the readers."""

from collections import Counter
from collections.abc import Iterable

import orjson
import pytest

from beffroi.detect.matcher import Matcher
from beffroi.logs.formats import m365
from beffroi.rules.repository import RuleSet
from tests.rules.test_pack_on_lines import OWN, STRANGER, found, line, pack, titles
from tests.watching.watch import BRUSSELS

__all__ = ["pack"]  # the fixture


def told(pack: RuleSet, said: Iterable[str], every: float = 1) -> Counter[str]:
    return titles(found(pack, [line(number * every, text) for number, text in enumerate(said)]))


FORTIGATE = 'fortigate: date=2026-11-28 time=02:10:11 devname="FG" devid="FG1" logid="0100032001" '
SUCCEEDED = (
    f'{FORTIGATE}type="event" subtype="system" level="information" logdesc="Admin login successful" user="direction" '
    'ui="https({ip})" method="https" srcip={ip} action="login" status="success"'
)
TUNNEL = (
    f'{FORTIGATE}type="event" subtype="vpn" action="tunnel-up" tunneltype="ssl-tunnel" remip={STRANGER} user="anna"'
)
LEAK = f'nginx: {STRANGER} - - [28/Nov/2026:01:10:11 +0100] "GET /.env HTTP/1.1" {{status}} 912 "-" "curl/8"'
EVE = orjson.dumps(
    {"timestamp": "2026-11-28T01:10:11.000000+0100", "flow_id": 7, "event_type": "alert", "src_ip": OWN, "dest_ip": STRANGER, "proto": "TCP",
     "alert": {"action": "allowed", "category": "A Network Trojan was detected", "signature": "x", "signature_id": 1}}
).decode()  # fmt: skip


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (SUCCEEDED.format(ip=STRANGER), "Firewall administered from the internet (FortiGate)"),
        (TUNNEL, "VPN used in the middle of the night"),
        (
            f"php-fpm: /index.php: Successful login for user 'direction' from: {STRANGER} (Local Database)",
            "Firewall administered from the internet (pfSense)",
        ),
        (
            f"-: system,info,account user direction logged in from {STRANGER} via winbox",
            "Router administered from the internet (MikroTik)",
        ),
        (
            f"Connection: User [direction] from [{STRANGER}] signed in to [DSM] successfully via [password].",
            "NAS signed in to from the internet (Synology)",
        ),
        (
            f'{FORTIGATE}type="utm" subtype="ips" severity="critical" srcip={STRANGER} dstip={OWN} action="detected" attack="A"',
            "Firewall let an attack through that it knew",
        ),
        (
            f'{FORTIGATE}type="utm" subtype="virus" srcip={OWN} action="passthrough" virus="W32/Test" filename="a.zip"',
            "Firewall let a virus through that it knew",
        ),
        (LEAK.format(status=200), "Secret file of the website handed out"),
        (f"suricata: {EVE}", "Network watch sees malware in the house"),
    ],
)
def test_a_line_as_its_device_sends_it_is_told_once(pack: RuleSet, text: str, title: str) -> None:
    assert told(pack, [text]) == Counter([title])


@pytest.mark.parametrize("text", [SUCCEEDED.format(ip=OWN), LEAK.format(status=404)])
def test_the_same_from_within_or_without_an_answer_is_told_by_nobody(pack: RuleSet, text: str) -> None:
    assert told(pack, [text]) == Counter()


def test_guessing_at_proxmox_that_worked_is_told_although_its_line_names_no_address(pack: RuleSet) -> None:
    wrong = f"pvedaemon: authentication failure; rhost=::ffff:{OWN} user=root@pam msg=Authentication failure"
    lines = [*[wrong] * 12, "pvedaemon: <root@pam> successful auth for user 'root@pam'"]
    assert "Virtual machines' administration opened after many failures" in told(pack, lines, every=20)


def test_guessing_at_a_vpn_whose_lines_name_no_address_is_told(pack: RuleSet) -> None:
    lines = [f"charon: 0{n % 9}[IKE] <house|{n}> authentication of 'anna' with EAP failed" for n in range(40)]
    assert told(pack, lines, every=5) == Counter(["Password of a VPN account being guessed (IPsec)"])


def test_a_consent_as_microsoft_writes_it_is_told(pack: RuleSet) -> None:
    record = {
        "CreationTime": "2026-11-28T01:10:11", "Id": "1", "Operation": "Consent to application.", "Workload": "AzureActiveDirectory",
        "ResultStatus": "Success", "UserId": "accueil@tilleuls.example",
        "ModifiedProperties": [
            {"Name": "ConsentContext.IsAdminConsent", "NewValue": "False", "OldValue": ""},
            {"Name": "ConsentAction.Permissions", "NewValue": "[] => [[Id: x, Scope: offline_access Mail.Read]]", "OldValue": ""},
        ],
    }  # fmt: skip
    read = m365.normalise(orjson.dumps(record))
    matched = Matcher(pack.rules, BRUSSELS).match([(1, read.fields, None)], read.logsource)
    assert [each.rule.title for each in matched if each.rule.level != "informational"] == [
        "Application given the right to read or send mail"
    ]
