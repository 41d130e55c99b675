"""Lines of firewalls and networks: FortiGate, pfSense, MikroTik, UniFi. Each writes its own way of syslog."""

from dataclasses import dataclass

from beffroi.demo.lines import DAEMON_INFO, Lines, stamp
from beffroi.demo.said import Said, local


@dataclass(frozen=True)
class FortiGate(Lines):
    """FortiOS 7: key=value, without a syslog header but its priority; the time stands in the line."""

    def log(self, at: float, text: str, priority: int = 189) -> Said:
        def render(_: int) -> bytes:
            when = local(int(at))
            return (
                f'<{priority}>date={when:%Y-%m-%d} time={when:%H:%M:%S} devname="{self.name}" devid="FGT60FTK00000000" '
                f'eventtime={int(at * 1e9)} tz="{when:%z}" {text}'
            ).encode()

        return Said(at, self.name, "syslog", render)

    def vpn_refused(self, at: float, user: str, address: str, country: str = "Belgium") -> Said:
        return self.log(
            at,
            f'logid="0101039426" type="event" subtype="vpn" level="alert" vd="root" logdesc="SSL VPN login fail" action="ssl-login-fail" '
            f'tunneltype="ssl-web" tunnelid=0 remip={address} srccountry="{country}" user="{user}" group="N/A" dst_host="N/A" reason="sslvpn_login_permission_denied" '
            f'msg="SSL user failed to logged in"',
        )  # fmt: skip

    def vpn_opened(self, at: float, user: str, address: str, given: str, country: str = "Belgium") -> Said:
        return self.log(
            at,
            f'logid="0101039947" type="event" subtype="vpn" level="information" vd="root" logdesc="SSL VPN tunnel up" action="tunnel-up" '
            f'tunneltype="ssl-tunnel" tunnelid={int(at) % 1_900_000_000} remip={address} tunnelip={given} srccountry="{country}" user="{user}" '
            f'group="VPN-Personnel" dst_host="N/A" reason="tunnel established" msg="SSL tunnel established"',
        )  # fmt: skip

    def vpn_closed(self, at: float, user: str, address: str, given: str, minutes: int) -> Said:
        return self.log(
            at,
            f'logid="0101039948" type="event" subtype="vpn" level="information" vd="root" logdesc="SSL VPN tunnel down" action="tunnel-down" '
            f'tunneltype="ssl-tunnel" tunnelid={int(at) % 1_900_000_000} remip={address} tunnelip={given} user="{user}" group="VPN-Personnel" '
            f'dst_host="N/A" reason="N/A" duration={minutes * 60} sentbyte=1841200 rcvdbyte=922310 msg="SSL tunnel shutdown"',
        )  # fmt: skip

    def admin_signed_in(self, at: float, user: str, address: str) -> Said:
        return self.log(
            at,
            f'logid="0100032001" type="event" subtype="system" level="information" vd="root" logdesc="Admin login successful" sn="{int(at)}" '
            f'user="{user}" ui="https({address})" method="https" srcip={address} dstip=192.168.10.1 action="login" status="success" reason="none" '
            f'profile="super_admin" msg="Administrator {user} logged in successfully from https({address})"',
        )  # fmt: skip

    def denied(self, at: float, source: str, target: str, port: int) -> Said:
        """A packet from the internet to the firewall itself."""
        return self.log(
            at,
            f'logid="0001000014" type="traffic" subtype="local" level="notice" vd="root" srcip={source} srcport={32_768 + port % 28_000} srcintf="wan1" '
            f'srcintfrole="wan" dstip={target} dstport={port} dstintf="root" dstintfrole="undefined" srccountry="Reserved" dstcountry="Belgium" '
            f'sessionid={port + 880_000} proto=6 action="deny" policyid=0 policytype="local-in-policy" service="tcp/{port}" trandisp="noop" '
            f'app="tcp/{port}" duration=0 sentbyte=0 rcvdbyte=0 sentpkt=0 rcvdpkt=0',
        )  # fmt: skip

    def forwarded(
        self, at: float, source: str, target: str, port: int, sent: int, received: int, *, allowed: bool = True
    ) -> Said:
        """A session from within the house to the internet, or between its networks, at its end."""
        return self.log(
            at,
            f'logid="{"0000000013" if allowed else "0000000022"}" type="traffic" subtype="forward" level="notice" vd="root" srcip={source} '
            f'srcport={49_152 + int(at) % 16_000} srcintf="lan" srcintfrole="lan" dstip={target} dstport={port} dstintf="wan1" dstintfrole="wan" '
            f'srccountry="Reserved" dstcountry="Belgium" sessionid={int(at) % 9_000_000} proto=6 action="{"close" if allowed else "deny"}" '
            f'policyid={3 if allowed else 0} policytype="policy" service="{"HTTPS" if port == 443 else f"tcp/{port}"}" trandisp="snat" '
            f"duration=31 sentbyte={sent} rcvdbyte={received} sentpkt={sent // 900} rcvdpkt={received // 1_200}",
        )  # fmt: skip


@dataclass(frozen=True)
class PfSense(Lines):
    """pfSense's `filterlog`, on the network of guests and of what hangs on the wall."""

    def packet(
        self, at: float, source: str, target: str, port: int, *, passed: bool = False, udp: bool = False
    ) -> Said:
        action, rule = ("pass", "88,,,1700000019") if passed else ("block", "4,,,1000000103")
        serial = int(at * 10)
        head = f"{rule},igb1,match,{action},in,4,0x0,,64,{serial % 65_000},0,DF"
        sport = 40_000 + serial % 20_000
        rest = (
            f"17,udp,78,{source},{target},{sport},{port},58" if udp
            else f"6,tcp,60,{source},{target},{sport},{port},0,S,{serial * 7 % 4_000_000_000},,64240,,mss;sackOK;TS;nop;wscale"
        )  # fmt: skip
        return self.say(at, 134, "filterlog[45231]:", f"{head},{rest}")


@dataclass(frozen=True)
class MikroTik(Lines):
    """RouterOS in the annexe: topics, then a sentence."""

    def topic(self, at: float, topics: str, text: str) -> Said:
        return self.say(at, DAEMON_INFO, topics, text)

    def lease(self, at: float, address: str, mac: str, name: str) -> Said:
        return self.topic(at, "dhcp,info", f"dhcp1 assigned {address} for {mac.upper()} {name}")

    def signed_in(self, at: float, user: str, address: str) -> Said:
        return self.topic(at, "system,info,account", f"user {user} logged in from {address} via winbox")

    def refused(self, at: float, user: str, address: str) -> Said:
        return self.topic(at, "system,error,critical", f"login failure for user {user} from {address} via ssh")

    def dropped(self, at: float, source: str, target: str, port: int) -> Said:
        text = (
            f"drop-in input: in:ether1 out:(unknown 0), connection-state:new src-mac 02:1d:00:00:00:01, proto TCP (SYN), "
            f"{source}:{40_000 + port % 20_000}->{target}:{port}, len 40"
        )
        return self.topic(at, "firewall,info", text)


@dataclass(frozen=True)
class UniFi(Lines):
    """An access point: who joins and leaves the radio."""

    def said_of(self, at: float, mac: str, what: str) -> Said:
        def render(_: int) -> bytes:
            return f"<30>{stamp(at)} {self.name} U6-Lite,U6L-6.6.55: hostapd[2311]: wifi0ap0: STA {mac} {what}".encode()

        return Said(at, self.name, "syslog", render)

    def joined(self, at: float, mac: str) -> list[Said]:
        return [
            self.said_of(at, mac, "IEEE 802.11: associated (aid 3)"),
            self.said_of(at + 0.1, mac, "WPA: pairwise key handshake completed (RSN)"),
        ]

    def left(self, at: float, mac: str) -> Said:
        return self.said_of(at, mac, "IEEE 802.11: disassociated")
