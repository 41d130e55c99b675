"""VPNs on Linux: OpenVPN, WireGuard (the kernel's lines), IPsec by strongSwan (charon) and Libreswan (pluto).

`src_ip` is always the peer, whoever sent the packet that a line tells of. Sentences: OpenVPN's src/openvpn (ssl.c, ssl_verify.c, forward.c,
multi.c), WireGuard's drivers/net/wireguard, strongSwan's libcharon (sa, plugins/eap_mschapv2), Libreswan's programs/pluto.
"""

import re

from beffroi.core.model import LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, address, number, sign_in

_OPENVPN = LogSource("linux", None, "openvpn")
_WIREGUARD = LogSource("linux", None, "wireguard")
_STRONGSWAN = LogSource("linux", None, "strongswan")
_LIBRESWAN = LogSource("linux", None, "libreswan")

_V4_PORT = r"(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}"
# A name that has a slash and an address in it ends at the last: OpenVPN allows both in a name.
_PREFIX = re.compile(
    rf"(?:(\S{{1,256}})/)?(?:\[AF_INET6?\])?({_V4_PORT}|\[[0-9A-Fa-f:.]{{2,45}}\]:\d{{1,5}}|[0-9A-Fa-f:]{{2,45}}:\d{{1,5}})(?= )"
)
_ELSEWHERE = re.compile(
    rf"/(?:\[AF_INET6?\])?({_V4_PORT}|\[[0-9A-Fa-f:.]{{2,45}}\]:\d{{1,5}}|[0-9A-Fa-f:]{{2,45}}:\d{{1,5}})(?= )"
)
_LATE_NAME = re.compile(rf"({_V4_PORT})/(\S{{1,256}})(?= )")
_INET = re.compile(r"\[AF_INET6?\]([0-9A-Fa-f.:\[\]]{2,64})")
_INITIATED = re.compile(r"\[(.{1,256})\] Peer Connection Initiated with \[AF_INET")
_LET_IN = re.compile(r"SENT CONTROL \[(.{1,256})\]: 'PUSH_REPLY,", re.DOTALL)
_VERIFIED = re.compile(r"TLS: Username/Password authentication (succeeded|deferred) for username '(.*)'", re.DOTALL)
_FAILURES = ("TLS Auth Error", "TLS Error: TLS handshake failed", "TLS Error: incoming packet authentication failed", "TLS Error: tls-crypt unwrapping failed",
             "TLS Error: cannot locate HMAC", "TLS Error: TLS key negotiation failed", "VERIFY ERROR", "AUTH: Received control message: AUTH_FAILED")  # fmt: skip
_RESET = "SIGUSR1[soft,connection-reset] received"


def read_openvpn(text: str) -> Reading | None:
    """A line of an OpenVPN server that names a peer."""
    text = text.rstrip()
    user = None
    found = _PREFIX.match(text)
    if found is None and (found := _LATE_NAME.match(text)) is not None:
        user, at = found[2], found[1]
    elif found is not None:
        user, at = found[1], found[2]
    else:
        at = ""
    said = text[found.end() + 1 :] if found is not None else text
    if not at:
        # Only the daemon's own words: "… from [AF_INET]192.0.2.1:1194".
        if (
            not said.startswith(("TLS Error: ", "TCP connection established with "))
            or (inet := _INET.search(said[:512])) is None
        ):
            return None
        at = inet[1]
    if {at, *_ELSEWHERE.findall(text)} != {at}:
        at, user = "", None  # a name may hold blanks: which of them is the peer cannot be told
    origin, _, port = at.rpartition(":")
    outcome = None
    if said.startswith(_FAILURES) or (said.startswith("OpenSSL: error:") and "certificate verify failed" in said):
        outcome = FAILURE
    elif said.startswith(_RESET) and user is None:
        outcome = FAILURE  # it went before it had said who it is
    elif (named := _INITIATED.match(said)) and named[1] != "UNDEF":
        user = named[1]  # the channel stands, also for one whose password was wrong
    elif named := _LET_IN.match(said):
        outcome, user = SUCCESS, named[1]
    elif verified := _VERIFIED.match(said):
        user = verified[2]
    elif said == "Authentication succeeded":
        outcome = SUCCESS
    return sign_in(
        _OPENVPN, outcome, user, origin, src_port=number(port), action="login" if outcome else None,
        failure_reason=said if outcome == FAILURE else None, said=None if outcome else said,
    )  # fmt: skip


_UPTIME = re.compile(r"\[ *\d{1,15}\.\d{1,9}\] ?")
_WIREGUARD_LINE = re.compile(r"wireguard: (\S{1,16}): (.{1,400})\Z", re.DOTALL)
_PEER = re.compile(r"(?:from|to|with) (?:peer (\d{1,10}) \()?([0-9A-Fa-f.:\[\]]{2,64}):(\d{1,5})\)?(?:\Z|[ ,])")
_INVALID = ("Invalid handshake initiation", "Invalid MAC of handshake", "Packet has unallowed src IP")


def read_wireguard(text: str) -> Reading | None:
    """WireGuard's lines in the kernel's log (dynamic debug)."""
    if found := _UPTIME.match(text):
        text = text[found.end() :]
    found = _WIREGUARD_LINE.match(text.rstrip())
    if found is None:
        return None
    interface, said = found.groups()
    peer = _PEER.search(said)
    failed = said.startswith(_INVALID)
    return sign_in(
        _WIREGUARD, FAILURE if failed else None, None, peer[2] if peer else None, src_port=number(peer[3]) if peer else None,
        peer=peer[1] if peer else None, interface=interface, action="login" if failed else None, **{"failure_reason" if failed else "said": said},
    )  # fmt: skip


_CHARON = re.compile(r"(?:\d{1,3}\[([A-Z]{2,4})\d?\] )?(?:<(?:([^<>|]{1,256})\|)?(\d{1,10})> )?(.*)", re.DOTALL)
_PACKET = re.compile(
    r"(sending|received) packet: from ([0-9A-Fa-f.:]{2,45})\[(\d{1,5})\] to ([0-9A-Fa-f.:]{2,45})\[(\d{1,5})\]"
)
_INITIATING = re.compile(r"([0-9A-Fa-f.:]{2,45}) is initiating (?:an? )?(\S{1,32}(?: Mode)?)")
_ESTABLISHED = re.compile(
    r"IKE_SA (\S{1,256}) established between ([0-9A-Fa-f.:]{2,45})\[(.{0,256}?)\]\.\.\.([0-9A-Fa-f.:]{2,45})\[(.*)\]\Z",
    re.DOTALL,
)
_HALF_OPEN = re.compile(r"deleting half open IKE_SA with ([0-9A-Fa-f.:]{2,45}) after timeout")
_USERNAME = re.compile(r"EAP-MS-CHAPv2 username: '(.*)'\Z", re.DOTALL)
_AUTHENTICATED = re.compile(
    r"(?:authentication|XAuth authentication) of '(.*)' (\(myself\) )?(?:with (\S{1,64}) )?(successful|failed)\Z",
    re.DOTALL,
)
_MISMATCH = re.compile(r"tried \d{1,6} shared keys? for '(.{0,256}?)' - '(.*)', but MAC mismatched\Z", re.DOTALL)
_NO_KEY = re.compile(r"no (?:EAP key found for hosts|shared key found for) '(.{0,256}?)'(?: - '(.*)')?", re.DOTALL)
_LOST = ("EAP-MS-CHAPv2 verification failed", "EAP method EAP_", "verification of AUTH payload", "no trusted ")


def read_charon(text: str) -> Reading | None:
    """A line of strongSwan's. Each try fails once: in the line that says that its proof was wrong."""
    found = _CHARON.match(text.rstrip())
    if found is None or (found[1] is None and found[3] is None):
        return None
    _, connection, session, said = found.groups()
    more: dict[str, object] = {"connection": connection, "session_id": session}
    origin = user = outcome = None
    if told := _PACKET.match(said):
        out = told[1] == "sending"
        origin, more["src_port"] = told[4 if out else 2], number(told[5 if out else 3])
        more["dst_ip"], more["direction"] = told[2 if out else 4], "out" if out else "in"
    elif told := _INITIATING.match(said):
        origin = told[1]
    elif told := _ESTABLISHED.match(said):
        origin, user, more["action"], more["dst_ip"] = told[4], told[5], "established", told[2]
    elif told := _HALF_OPEN.match(said):
        origin, more["action"] = told[1], "timeout"
    elif told := _USERNAME.match(said):
        user = told[1]
    elif told := _AUTHENTICATED.match(said):
        user = told[1]
        if told[2] is None:
            outcome, more["method"] = SUCCESS if told[4] == "successful" else FAILURE, told[3]
    elif told := _MISMATCH.match(said):
        user, outcome = told[2], FAILURE
    elif told := _NO_KEY.match(said):
        user = told[2]
    elif said.startswith(_LOST) and ("failed" in said or "no trusted" in said):
        outcome = FAILURE
    more["failure_reason" if outcome == FAILURE else "said"] = said
    if outcome:
        more["action"] = "login"
    return sign_in(_STRONGSWAN, outcome, user, origin, **more)


_PLUTO = re.compile(
    r'"(.{1,128}?)"(?:\[\d{1,10}\])?(?: ([0-9A-Fa-f.:]{2,45}?)(?::(\d{1,5}))?)? #(\d{1,10}): (.*)', re.DOTALL
)
_PLUTO_XAUTH = re.compile(r"XAUTH: User (.*): Authentication (Successful|Failed)", re.DOTALL)


def read_pluto(text: str) -> Reading | None:
    """A line of Libreswan's."""
    found = _PLUTO.match(text.rstrip())
    if found is None:
        return None
    connection, origin, port, session, said = found.groups()
    if origin is not None and address(origin) is None:
        origin = None
    user = outcome = None
    if told := _PLUTO_XAUTH.match(said):
        user, outcome = told[1], SUCCESS if told[2] == "Successful" else FAILURE
    elif said.startswith(
        ("authentication failed", "responding to IKE_AUTH message", "IKE SA authentication request rejected")
    ) and ("failed" in said or "AUTHENTICATION_FAILED" in said or "rejected" in said):
        outcome = FAILURE
    elif said.startswith(
        (
            "responder established IKE SA; authenticated",
            "established IKE SA; authenticated",
            "initiator established IKE SA; authenticated",
        )
    ):
        outcome = SUCCESS
    return sign_in(
        _LIBRESWAN, outcome, user, origin, src_port=number(port or ""), connection=connection, session_id=session,
        action="login" if outcome else None, **{"failure_reason" if outcome == FAILURE else "said": said},
    )  # fmt: skip
