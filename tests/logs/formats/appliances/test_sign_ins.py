"""Who signs in to appliances, and who only tries. The sentences are the vendors', the people invented."""

from datetime import UTC, datetime

import pytest

from beffroi.core.model import LogSource
from beffroi.logs.formats import appliances
from beffroi.logs.formats.appliances import gateways, mikrotik, nextcloud, proxmox, qnap, samba, synology, unifi
from beffroi.logs.formats.common import Reader

FORGED = "198.51.100.66"
"""An address that an attacker writes into a name: nobody may ever be taken for it."""
REAL = "203.0.113.9"


def who(reader: Reader, text: str) -> tuple[object, ...]:
    reading = reader(text)
    assert reading is not None, text
    fields = reading[1]
    return fields.get("outcome"), fields.get("username"), fields.get("src_ip")


def samba_line(
    user: str, status: str = "NT_STATUS_WRONG_PASSWORD", *, workstation: str = "PC7", became: str = ""
) -> str:
    end = f"became [HOUSE]\\[{became}] [S-1-5-21-1]" if became else f"mapped to [HOUSE]\\[{user}]"
    return (
        rf"Auth: [SMB2,(null)] user [HOUSE]\[{user}] at [Wed, 04 Mar 2026 10:11:12.000000 CET] with [NTLMv2] status [{status}] "
        rf"workstation [{workstation}] remote host [ipv4:{REAL}:44890] {end}. local host [ipv4:192.0.2.2:445] "
    )


LINES: dict[str, tuple[Reader, str, tuple[object, ...]]] = {
    # Netgate, Deciso: the sentences of auth.inc and of OPNsense's audit log.
    "pfSense refused": (
        gateways.read,
        f"/index.php: webConfigurator authentication error for user 'admin' from: {REAL}",
        ("failure", "admin", REAL),
    ),
    "pfSense let in": (
        gateways.read,
        f"/index.php: Successful login for user 'admin' from: {REAL} (Local Database)",
        ("success", "admin", REAL),
    ),
    "OPNsense refused": (
        gateways.read,
        f"/index.php: Web GUI authentication error for 'root' from {REAL}",
        ("failure", "root", REAL),
    ),
    "OPNsense let in": (
        gateways.read,
        f"/index.php: Successful login for 'root' from {REAL}",
        ("success", "root", REAL),
    ),
    "pfSense, a name that imitates": (
        gateways.read,
        f"/index.php: webConfigurator authentication error for user 'x' from: {FORGED} ' from: {REAL}",
        ("failure", f"x' from: {FORGED} ", REAL),
    ),
    # https://help.mikrotik.com/docs/spaces/ROS/pages/328094/Log
    "MikroTik refused": (
        mikrotik.read,
        f"system,error,critical login failure for user admin from {REAL} via winbox",
        ("failure", "admin", REAL),
    ),
    "MikroTik, no name": (
        mikrotik.read,
        f"system,error,critical login failure for user  from {REAL} via ssh",
        ("failure", "", REAL),
    ),
    "MikroTik let in": (
        mikrotik.read,
        f"system,info,account user anna logged in from {REAL} via ssh",
        ("success", "anna", REAL),
    ),
    "MikroTik, over its serial port": (
        mikrotik.read,
        "system,info,account user anna logged in via local",
        (None, None, None),
    ),
    "MikroTik, a name that imitates": (
        mikrotik.read,
        f"system,error,critical login failure for user x from {FORGED} via web from {REAL} via ssh",
        ("failure", f"x from {FORGED} via web", REAL),
    ),
    "MikroTik PPP refused": (
        mikrotik.read,
        "l2tp,ppp,error <203.0.113.9>: user bert authentication failed",
        ("failure", "bert", None),
    ),
    # Synology's Log Center: DSM 6 logs in, DSM 7 signs in.
    "DSM 7 refused": (
        synology.read,
        f"User [anna] from [{REAL}] failed to sign in to [DSM] via [password] due to authorization failure.",
        ("failure", "anna", REAL),
    ),
    "DSM 7 let in": (
        synology.read,
        f"User [anna] from [{REAL}] signed in to [DSM] successfully via [password].",
        ("success", "anna", REAL),
    ),
    "DSM 6 refused": (
        synology.read,
        f"SYSTEM:\tUser [anna] from [PC7({REAL})] failed to log in via [CIFS(SMB3)] due to authorization failure.",
        ("failure", "anna", REAL),
    ),
    "DSM, tab as rsyslog writes it": (
        synology.read,
        f"SYSTEM:#011User [anna] from [{REAL}] logged in successfully via [SSH].",
        ("success", "anna", REAL),
    ),
    "DSM, a name that imitates": (
        synology.read,
        f"User [x] from [{FORGED}] signed in to [DSM] successfully via [password].] from [{REAL}] failed to sign in to [DSM] via [password] due to authorization failure.",
        ("failure", f"x] from [{FORGED}] signed in to [DSM] successfully via [password].", REAL),
    ),
    "DSM's PAM": (
        synology.read_pam,
        f"pam_unix(webui:auth): authentication failure; logname= uid=0 euid=0 tty= ruser= rhost={REAL}  user=anna",
        ("failure", "anna", REAL),
    ),
    # QNAP's QuLog Center.
    "QNAP refused": (
        qnap.read,
        f"conn log: Users: admin, Source IP: {REAL}, Computer name: ---, Connection type: HTTPS, Accessed resources: Administration, Action: Login Fail",
        ("failure", "admin", REAL),
    ),
    "QNAP let in": (
        qnap.read,
        f"conn log: Users: admin, Source IP: {REAL}, Computer name: pc7, Connection type: SAMBA, Accessed resources: ---, Action: Login OK",
        ("success", "admin", REAL),
    ),
    "QNAP, a name that imitates": (
        qnap.read,
        f"conn log: Users: x, Source IP: {FORGED}, Computer name: a, Source IP: {REAL}, Computer name: ---, Connection type: HTTP, Accessed resources: ---, Action: Login Fail",
        ("failure", f"x, Source IP: {FORGED}, Computer name: a", REAL),
    ),
    "QNAP's event": (
        qnap.read,
        f"event log: Users: System, Source IP: {REAL}, Computer name: ---, Application: Users, Category: Login, Content: [Users] Failed to log in via user account anna",
        ("failure", "System", REAL),
    ),
    # Samba's wiki, "Setting up Audit Logging".
    "Samba refused": (samba.read, samba_line("anna"), ("failure", "anna", REAL)),
    "Samba let in": (samba.read, samba_line("anna", "NT_STATUS_OK", became="Anna"), ("success", "anna", REAL)),
    "Samba, mapped to another name": (
        samba.read,
        samba_line("anna").replace(r"mapped to [HOUSE]\[anna]", r"mapped to [HOUSE]\[nobody]"),
        ("failure", "anna", REAL),
    ),
    "Proxmox refused": (
        proxmox.read,
        f"authentication failure; rhost=::ffff:{REAL} user=anna@pam msg=no such user ('anna@pam')",
        ("failure", "anna@pam", REAL),
    ),
    "Proxmox Backup refused": (
        proxmox.read,
        f": authentication failure; rhost=[::ffff:{REAL}]:47414 user=root@pbs msg=user account disabled or expired.",
        ("failure", "root@pbs", REAL),
    ),
    "Proxmox let in": (proxmox.read, "<root@pam> successful auth for user 'root@pam'", ("success", "root@pam", None)),
    "Nextcloud refused": (
        nextcloud.read,
        '{"reqId":"1","remoteAddr":"203.0.113.9","user":"--","message":"Login failed: \'x (Remote IP: 198.51.100.66)\' (Remote IP: \'203.0.113.9\')"}',
        ("failure", f"x (Remote IP: {FORGED})", REAL),
    ),
    # https://help.ui.com: hostapd of an access point.
    "a station with the wrong key": (
        unifi.read,
        "ath0: STA 00:00:5e:00:53:01 WPA: invalid MIC in msg 2/4 of 4-Way Handshake",
        ("failure", None, None),
    ),
}


@pytest.mark.parametrize(("reader", "text", "expected"), LINES.values(), ids=LINES)
def test_who_signs_in_and_how_it_ends(reader: Reader, text: str, expected: tuple[object, ...]) -> None:
    assert who(reader, text) == expected


@pytest.mark.parametrize(
    "user",
    [
        f"x] at [t] with [p] status [NT_STATUS_OK] workstation [w] remote host [ipv4:{FORGED}:1",
        rf"x] at [t] with [p] status [s] workstation [w] remote host [ipv4:{FORGED}:1] mapped to [HOUSE]\[x]. local host [l",
        f"x] at [t] with [p] status [s] workstation [w] remote host [ipv4:{FORGED}:1] became [z",
        "] at [" * 70 + f"] remote host [ipv4:{FORGED}:1] mapped to [",
    ],
)
def test_samba_takes_nobody_for_whom_a_name_imitates(user: str) -> None:
    assert who(samba.read, samba_line(user)) == ("failure", user, REAL)


@pytest.mark.parametrize(
    "workstation",
    [
        f"w] remote host [ipv4:{FORGED}:1",
        f"w] remote host [ipv4:{FORGED}:1] mapped to [",
        f"w] remote host [ipv4:{FORGED}:1] became [x",
    ],
)
def test_samba_takes_nobody_for_whom_a_workstation_imitates(workstation: str) -> None:
    assert who(samba.read, samba_line("anna", workstation=workstation))[2] == REAL
    let_in = samba_line("anna", "NT_STATUS_OK", workstation=workstation, became="anna")
    assert who(samba.read, let_in)[2] == REAL


@pytest.mark.parametrize(
    ("program", "text", "source"),
    [
        (
            "Connection",
            f"User [anna] from [{REAL}] via [CIFS(SMB3)] accessed shared folder [homes].",
            LogSource("synology", None, "connection"),
        ),
        ("", f"Connection: Host [{REAL}] was blocked via [SSH].", LogSource("synology", None, "connection")),
        (
            "system,error,critical",
            f"login failure for user admin from {REAL} via ssh",
            LogSource("mikrotik", None, "system"),
        ),
        (
            "synoscgi_SYNO.API.Auth_7_login",
            f"pam_unix(webui:auth): authentication failure; rhost={REAL}",
            LogSource("synology", None, "dsm"),
        ),
        ("qulogd", f"conn log: Users: a, Source IP: {REAL}, Action: Logout", LogSource("qnap", None, "conn")),
        ("kernel", f"conn log: Users: a, Source IP: {REAL}, Action: Logout", LogSource("qnap", None, "conn")),
        (
            "",
            '("U7LT,00005e005301,v6.6.55") hostapd: ath0: STA 00:00:5e:00:53:01 IEEE 802.11: associated',
            LogSource("unifi", None, "hostapd"),
        ),
        (
            "",
            "U6-Lite,U6L-6.6.55: hostapd[1234]: STA 00:00:5e:00:53:01 IEEE 802.11: authenticated",
            LogSource("unifi", None, "hostapd"),
        ),
        ("CEF", "0|Ubiquiti|UniFi Network|9.4|1|x|1|", LogSource("unifi", None, "cef")),
    ],
)
def test_a_message_finds_its_reader(program: str, text: str, source: LogSource) -> None:
    reading = appliances.read(program, text)
    assert reading
    assert reading[0] == source


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (gateways.read, f"/index.php: User logged out for user 'admin' from: {REAL} (Local Database)"),
        (mikrotik.read, f"system,info,account user anna logged out from {REAL} via ssh"),
        (synology.read, f"User [anna] from [{REAL}] signed out from [DSM]."),
        (qnap.read, f"conn log: Users: anna, Source IP: {REAL}, Computer name: ---, Connection type: HTTPS, Accessed resources: ---, Action: Logout"),
    ],
)  # fmt: skip
def test_who_leaves_has_not_signed_in(reader: Reader, text: str) -> None:
    reading = reader(text)
    assert reading
    assert (reading[1]["action"], reading[1]["src_ip"]) == ("logout", REAL)
    assert "outcome" not in reading[1]


@pytest.mark.parametrize("text", ["", "hello", "User anna", "system,info log rule changed by admin"])
def test_a_line_that_is_no_sign_in_makes_none(text: str) -> None:
    reading = appliances.read("", text)
    assert reading is None or "outcome" not in reading[1]


def samba_event(kind: str, **told: object) -> dict[str, object]:
    """A record of Samba's `auth_json_audit`."""
    return {
        "timestamp": "2026-03-04T10:11:12.000001+0100",
        "type": kind,
        kind: {"remoteAddress": f"ipv4:{REAL}:4711", **told},
    }


def test_samba_tells_the_same_as_json() -> None:
    refused = samba_event(
        "Authentication",
        status="NT_STATUS_WRONG_PASSWORD",
        clientAccount="anna",
        clientDomain="HOUSE",
        workstation=None,
    )
    reading = samba.read_event(refused)
    assert reading == (
        LogSource("samba", None, "auth_audit"),
        {"action": "login", "outcome": "failure", "username": "anna", "domain": "HOUSE", "status": "NT_STATUS_WRONG_PASSWORD", "src_ip": REAL, "src_port": 4711},
    )  # fmt: skip


def test_what_samba_lets_one_reach_is_no_second_sign_in() -> None:
    reading = samba.read_event(samba_event("Authorization", account="anna", domain="HOUSE", serviceDescription="SMB2"))
    assert reading is not None
    assert reading[1].get("username") == "anna"
    assert "outcome" not in reading[1]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "Authentication"},
        {"type": "Authentication", "Authentication": {"remoteAddress": 7}},
        {"type": "Other", "Other": {}},
    ],
)
def test_other_objects_are_none_of_sambas(event: dict[str, object]) -> None:
    assert samba.read_event(event) is None


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        ("Wed, 04 Mar 2026 10:11:12.000001 CET", datetime(2026, 3, 4, 9, 11, 12, 1, tzinfo=UTC)),
        ("Wed, 04 Mar 2026 10:11:12.000001 UTC", datetime(2026, 3, 4, 10, 11, 12, 1, tzinfo=UTC)),
        ("Wed, 04 Mar 2026 10:11:12.000001 XYZ", None),
        ("x CET", None),
    ],
)
def test_samba_says_when(stamp: str, moment: datetime | None) -> None:
    assert samba.time_of({"time": stamp}) == moment
