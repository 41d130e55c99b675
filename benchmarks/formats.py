"""How well log lines are understood: ours beside what CrowdSec's hub and fail2ban say of the same lines, per family.

    .venv/bin/python benchmarks/formats.py [--json OUT] [FAMILY …]

Wherever CrowdSec's `parser.assert` (or, where a folder has none, the events of its `scenario.assert`) gives an address, a user or a
service, ours must be equal on the same line; of fail2ban's lines those labelled `match` in the default mode must be a failed sign-in from
the labelled host and no other may be one. Every line goes the way it goes in the service (watching.understanding): with its header through
the one door, `logs.formats.understood`, and past what is remembered of connections, which begins anew with each file. A miss is printed.
"""

import argparse
import json
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import material
from benchmarks.tables import Table

from beffroi.core.model import Fields, LogSource, UnfitError
from beffroi.detect.values import micros_of
from beffroi.logs.arrival import Form
from beffroi.logs.formats.connections import Connections
from beffroi.logs.formats.normal import Context
from beffroi.logs.formats.understood import normalise

MUST, AIM = 0.95, 0.99
NOW = Context(datetime(2026, 11, 25, tzinfo=UTC), ZoneInfo("Europe/Brussels"))
AUDIT = ("exe", "tty", "uid", "auid", "ppid")
"""What CrowdSec says of a line of auditd's, under the kernel's own names."""
USERS = ("username", "user", "target_user")
ROUNDS = 5  # of which the median time is told


class Family(NamedTuple):
    """Where the cases of a family lie."""

    hub: Sequence[str] = ()
    fail2ban: Sequence[str] = ()


FAMILIES: Mapping[str, Family] = {
    "sshd": Family(("ssh-generic-test", "sshd-refused-conn"), ("sshd",)),
    "Dropbear": Family(("dropbear-logs",), ("dropbear",)),
    "Dovecot": Family(
        ("dovecot-logs", "dovecot-slow-bf-no-overlap", "dovecot-time-based-bf", "dovecot-time-based-bf-user-enum"),
        ("dovecot",),
    ),
    "Postfix": Family(("postfix-logs", "postfix-non-smtp", "postfix-relay", "postfix-honeypot-users")),
    "Exim": Family(("exim-logs", "exim-syslog-logs", "exim-spam"), ("exim",)),
    "Sendmail": Family((), ("sendmail-auth",)),
    "FTP": Family(("proftpd-user-enum", "pureftpd-logs"), ("proftpd", "pure-ftpd")),
    "OpenVPN": Family(("openvpn", "openvpn-bf"), ("openvpn",)),
    "WireGuard": Family(("wireguard-logs", "wireguard-auth")),
    "IPsec": Family(("charon-ipsec-logs", "charon-ipsec-slow-bf")),
    "nginx": Family(
        (
            "nginx-mail-logs",
            "nginx-bad-user-agent",
            "nginx-http-generic-bf",
            "nginx-http-malformed",
            "nginx-http-sqli-probing",
            "nginx-http-w00twoot",
            "nginx-http-xss-probing",
            "nginx_http-catch-npm",
            "nginx_req_limit_exceeded",
            "http-bf-wordpress-bf",
        ),
        ("nginx-http-auth",),
    ),
    "Apache": Family(("apache2-http-sensitive-files", "nginx-cve-2021-41773"), ("apache-auth",)),
    "auditd": Family(("auditd-logs", "auditd-base64-exec", "auditd-suid-crash")),
    "Exchange": Family(("exchange-imap-logs", "exchange-pop-logs", "exchange-smtp-logs")),
    "FortiGate": Family(("fortinet-vpn-bf",)),
    "iptables": Family(("iptables-logs",)),
    "MikroTik": Family(("mikrotik-logs",), ("routeros-auth",)),
    "Nextcloud": Family(("nextcloud-logs",)),
    "Palo Alto": Family(("palo-alto-threat",)),
    "pfSense, OPNsense": Family(("pfsense-gui-auth", "opnsense-gui-auth")),
    "Proxmox": Family(("proxmox-backup-auth-logs", "proxmox-bf")),
    "Samba": Family(("smb-logs",)),
    "Suricata": Family(("suricata-logs-fastlog", "suricata-eve-detect")),
    "Synology": Family(("synology-dsm-logs", "synology-dsm-bf")),
    "UniFi": Family(("unifi-logs", "unifi-cef")),
    "Windows": Family(("windows-bf",)),
}

SERVICES: Mapping[str, str] = {
    "fortigate": "fortinet",
    "mikrotik/firewall": "tcp_udp",
    "proxmox": "proxmox-backup-api",
    "linux/sshd": "ssh",
    "linux/strongswan": "charon_ipsec",
    "linux/pure-ftpd": "pureftpd",
    "None/webserver": "http",
    "None/nginx": "http",
    "None/apache": "http",
}
"""CrowdSec's name for a service, by our product or our product and category or service, where it is neither the product, nor product
and service in one, nor the program, nor the protocol of a packet."""


IMPOSSIBLE: Mapping[str, str] = {
    "Failed password for invalid user test from 127.0.0.1 port 58946 ssh2: from 10.10.1.2 port 55555 ssh2": (
        "made up: sshd writes nothing of a client's behind a password's protocol, so the last address is its own"
    ),
    'user "test": password mismatch, client: 127.0.0.1, server: test, request: "GET / HTTP/1.1", host: "localhost:8443"": was': (
        "made up: a name in HTTP's Basic scheme has no colon, so the first client is nginx's own"
    ),
}
"""Lines of fail2ban's that no program writes, with the reason why ours differs."""


class Said(NamedTuple):
    """What we say of a line."""

    source: LogSource | None
    fields: Fields

    @property
    def address(self) -> str | None:
        """Whence, which fail2ban also calls by a name."""
        return _text(self.fields.get("src_ip") or self.fields.get("IpAddress") or self.fields.get("src_host"))

    @property
    def user(self) -> str | None:
        return _text(self.fields.get("username", self.fields.get("TargetUserName")))

    @property
    def services(self) -> set[str | None]:
        product, category, service = self.source or LogSource()
        ours = {product, service, f"{product}-{service}"}
        ours |= {_text(self.fields.get(name)) for name in ("protocol", "program")}
        ours.add(_text(self.fields.get("application")))
        return ours | {SERVICES.get(name) for name in (str(product), f"{product}/{category}", f"{product}/{service}")}

    @property
    def failed(self) -> bool:
        return self.fields.get("outcome") == "failure"

    def agrees(self, name: str, value: str) -> bool:
        """Whether ours is the same; an address in whatever writing, IPv4 also where IPv6 wraps it."""
        if name == "service":
            return value in self.services
        if name == "source_ip":
            return _same_address(self.address, value)
        if name in AUDIT:
            return _text(self.fields.get(name)) == value
        return value in (self.user, self.fields.get("recipient"))  # CrowdSec calls a mail's recipient its user


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _same_address(ours: str | None, value: str) -> bool:
    try:
        found, wanted = ip_address(ours or ""), ip_address(value)
    except ValueError:
        return ours == value
    return found in (wanted, getattr(wanted, "ipv4_mapped", None))


class Score(NamedTuple):
    """Of `wanted` values or labels `right` were equal; `misses` say which were not."""

    wanted: int
    right: int
    misses: Sequence[str]
    lines: int
    microseconds: float

    @property
    def share(self) -> float:
        return self.right / self.wanted if self.wanted else 0.0


def told(line: str, connections: Connections | None = None) -> list[Said]:
    """What we say of one line of a file: of itself, then of tries that it brings out, as far as the lines before are remembered."""
    try:
        found = normalise(Form.LINE, line.encode("utf-8", "surrogateescape"), NOW)
    except UnfitError:
        return [Said(None, {})]
    connections = connections or Connections()
    events = [
        event for each in found for event in connections.hear("benchmark", each, micros_of(each.time or NOW.arrived))
    ]
    return [Said(event.logsource, event.fields) for event in events]


def lines_of(folder: Path) -> list[str]:
    """The lines of a folder of the hub."""
    return [
        line
        for path in sorted(folder.glob("*.log"))
        for line in path.read_text("utf-8", "surrogateescape").splitlines()
        if line.strip()
    ]


_ASSERT = re.compile(
    r'results\["s01-parse"\]\["([^"]+)"\]\[(\d+)\]\.Evt\.(?:Meta\["(source_ip|username|user|target_user|service|exe|tty|uid|auid|ppid)"\]'
    r'|Parsed\["(message|username|user|target_user)"\]) == "(.*)"'
)
_EVENT = re.compile(
    r'(results\[\d+\]\.Overflow\.Alert\.Events\[\d+\])\.GetMeta\("(source_ip|username|user|target_user|service)"\) == "(.*)"'
)


def expectations(folder: Path) -> list[dict[str, str]]:
    """What is expected of each line that the hub parses: `source_ip`, `user`, `service` as far as given, and maybe a piece of the
    line's text as `message`."""
    found: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for parser, number, meta, parsed, value in _ASSERT.findall(_read(folder / "parser.assert")):
        name = meta or parsed
        found[parser, number]["user" if name in USERS else name] = json.loads(f'"{value}"')
    if not found:
        for event, name, value in _EVENT.findall(_read(folder / "scenario.assert")):
            found[event,]["user" if name in USERS else name] = json.loads(f'"{value}"')
    wanted = {"source_ip", "user", "service", *AUDIT}
    return [expected for expected in found.values() if wanted & set(expected)]


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def _hub(folder: Path) -> Iterator[tuple[str, bool]]:
    """(what was expected, whether ours is it) of every value, each on the line that fits best; what a parser says of a line is
    said of no other, while several attacks may be made of one line."""
    once = bool(_ASSERT.search(_read(folder / "parser.assert")))
    connections = Connections()
    left = [(line, told(line, connections)[0]) for line in lines_of(folder)]
    for expected in expectations(folder):
        piece = expected.pop("message", "").strip()
        fitting = [one for one in left if piece in one[0]] or left
        best = max(
            fitting, key=lambda one: sum(one[1].agrees(name, value) for name, value in expected.items()), default=None
        )
        for name, value in expected.items():
            right = best is not None and best[1].agrees(name, value)
            yield f"{folder.name}: {name} {value}{f' in: {best[0][:160]}' if best else ''}", right
        if best is not None and once:
            left.remove(best)


_AGGRESSIVE = re.compile(r"opts\.get\('mode'\) == 'aggressive'")


def labelled(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(line, its label) of every line of a file of fail2ban's that its filter reads in the default mode; a line without one must not
    match, as fail2ban's own tests have it."""
    label: dict[str, Any] = {}
    default = True
    for line in path.read_text("utf-8", "surrogateescape").splitlines():
        if line.startswith("#"):
            name, _, value = line[1:].strip().partition(":")
            if name == "failJSON":
                label = json.loads(value)
            elif name == "filterOptions":
                options = json.loads(value)
                options = options if isinstance(options, list) else [options]
                default = any(option.get("mode", "normal") == "normal" for option in options)
        elif line.strip():
            if default and not _AGGRESSIVE.search(label.get("constraint", "")):
                yield line, label or {"match": False}
            label = {}


def _fail2ban(path: Path) -> Iterator[tuple[str, bool]]:
    """(the line, whether ours says the same) of every line in the default mode."""
    connections = Connections()
    for line, label in labelled(path):
        failures = [said for said in told(line, connections) if said.failed]
        right = any(_as_labelled(said, label) for said in failures) if label["match"] else not failures
        reason = next((why for piece, why in IMPOSSIBLE.items() if piece in line), "")
        yield f"{path.name}{f' ({reason})' if reason else ''}: {line[:160]}", right


def _as_labelled(said: Said, label: Mapping[str, Any]) -> bool:
    """Whether a failure is the labelled one; where the label names no host, it must have one all the same."""
    whence = said.agrees("source_ip", label["host"]) if "host" in label else said.address is not None
    return whence and said.user == label.get("user", said.user)


def score(corpus: Path, family: Family) -> Score:
    """The score of a family, and how long one of its lines takes."""
    folder = corpus / "syslog"
    hub = [folder / "crowdsec-hub-tests" / name for name in family.hub]
    cases = [case for path in hub for case in _hub(path)]
    samples = [folder / "fail2ban-samples" / name for name in family.fail2ban]
    cases += [case for path in samples for case in _fail2ban(path)]
    lines = [line for path in hub for line in lines_of(path)] + [line for path in samples for line, _ in labelled(path)]
    times = []
    for _ in range(ROUNDS):
        connections = Connections()
        start = time.process_time()
        for line in lines:
            told(line, connections)
        times.append((time.process_time() - start) / max(len(lines), 1) * 1e6)
    misses = [case for case, right in cases if not right]
    return Score(len(cases), len(cases) - len(misses), misses, len(lines), statistics.median(times))


def table(corpus: Path, names: Sequence[str]) -> Table:
    """The scores of families."""
    rows, notes = [], [f"Must {MUST:.0%}, aim {AIM:.0%}."]
    for name in names:
        found = score(corpus, FAMILIES[name])
        rows.append(
            {
                "family": name,
                "right": found.right,
                "wanted": found.wanted,
                "share": found.share,
                "microseconds": found.microseconds,
            }
        )
        notes += [f"Missed, {name}: {miss}" for miss in found.misses]
    columns = {
        "family": ("family", "s"),
        "right": ("right", ",d"),
        "wanted": ("of", ",d"),
        "share": ("share", ".1%"),
        "microseconds": ("µs a line", ".1f"),
    }
    return Table("formats", "Log lines understood", columns, rows, notes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--json", type=Path, metavar="OUT", help="keep the same as data")
    options = parser.parse_args()
    unknown = [name for name in options.families if name not in FAMILIES]
    corpus = material.corpus()
    if unknown or corpus is None:
        parser.error(f"there is no family {unknown[0]}" if unknown else "no corpus: set BEFFROI_CORPUS to its folder")
    found = table(corpus, options.families or list(FAMILIES))
    print(found.markdown())
    if options.json is not None:
        options.json.write_text(json.dumps(found.plain(), indent=2), "utf-8")


if __name__ == "__main__":
    main()
