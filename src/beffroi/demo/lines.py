"""Lines of programs on Linux and of NAS boxes, as their syslog sends them: RFC 3164, the machine's own clock, no year and no zone.

The sentences are those of the programs themselves: OpenSSH, sudo, cron, Samba's vfs_full_audit, Dovecot, Postfix, OpenVPN, nginx, ISC dhcpd,
Proxmox VE and Synology's Log Center.
"""

from dataclasses import dataclass
from typing import Final

from beffroi.demo.said import Said, local

AUTHPRIV_INFO: Final = 86
AUTHPRIV_NOTICE: Final = 85
MAIL_INFO: Final = 22
DAEMON_INFO: Final = 30
DAEMON_WARNING: Final = 28
LOCAL5_NOTICE: Final = 173
LOCAL7_INFO: Final = 190
CRON_INFO: Final = 78
USER_INFO: Final = 14
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def stamp(at: float) -> str:
    """RFC 3164's time: "Nov  8 02:10:03"."""
    when = local(int(at))
    return f"{_MONTHS[when.month - 1]} {when.day:2d} {when:%H:%M:%S}"


@dataclass(frozen=True)
class Lines:
    """A machine that says lines by syslog."""

    name: str

    def say(self, at: float, priority: int, tag: str, text: str) -> Said:
        """A line; `tag` is the program with its number and colon, or empty."""
        return Said(
            at, self.name, "syslog", lambda _: f"<{priority}>{stamp(at)} {self.name} {tag}{' ' if tag else ''}{text}".encode()
        )  # fmt: skip


@dataclass(frozen=True)
class Unix(Lines):
    """A Linux machine."""

    def ssh_refused(self, at: float, user: str, address: str, *, known: bool) -> list[Said]:
        """One wrong password of one connection, with the lines around it."""
        pid, port = 2_000 + int(at * 3) % 28_000, 30_000 + int(at * 7) % 30_000
        named = user if known else f"invalid user {user}"
        before = [] if known else [self._sshd(at, pid, f"Invalid user {user} from {address} port {port}")]
        return [
            *before,
            self._sshd(at + 0.8, pid, f"Failed password for {named} from {address} port {port} ssh2"),
            self._sshd(
                at + 1.1, pid, f"Connection closed by {'authenticating' if known else 'invalid'} user {user} {address} port {port} [preauth]"
            ),
        ]  # fmt: skip

    def ssh_opened(self, at: float, user: str, address: str, how: str = "publickey") -> list[Said]:
        pid, port = 2_000 + int(at * 3) % 28_000, 30_000 + int(at * 7) % 30_000
        key = ": ED25519 SHA256:qV0eYcK2k8Tn3oKJ5XrYp1uXhWb7d0mZ4sLtQfGa9Uc" if how == "publickey" else ""
        return [
            self._sshd(at, pid, f"Accepted {how} for {user} from {address} port {port} ssh2{key}"),
            self._sshd(at + 0.1, pid, f"pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)"),
        ]

    def ssh_closed(self, at: float, user: str, address: str) -> list[Said]:
        pid, port = 2_000 + int(at * 3) % 28_000, 30_000 + int(at * 7) % 30_000
        return [
            self._sshd(at, pid, f"Disconnected from user {user} {address} port {port}"),
            self._sshd(at + 0.1, pid, f"pam_unix(sshd:session): session closed for user {user}"),
        ]

    def _sshd(self, at: float, pid: int, text: str) -> Said:
        return self.say(at, AUTHPRIV_INFO, f"sshd[{pid}]:", text)

    def sudo(self, at: float, user: str, command: str) -> Said:
        text = f"{user:>8} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND={command}"
        return self.say(at, AUTHPRIV_NOTICE, "sudo:", text)

    def sudo_refused(self, at: float, user: str, command: str) -> Said:
        text = (
            f"{user:>8} : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND={command}"
        )
        return self.say(at, AUTHPRIV_NOTICE, "sudo:", text)

    def cron(self, at: float, command: str, user: str = "root") -> Said:
        return self.say(at, CRON_INFO, f"CRON[{20_000 + int(at) % 9_000}]:", f"({user}) CMD ({command})")

    # --- Samba, with `full_audit:prefix = %u|%I|%S` -------------------------------------------------------------------------------

    def share(self, at: float, user: str, address: str, share: str, what: str) -> Said:
        return self.say(at, LOCAL5_NOTICE, "smbd_audit[2231]:", f"{user}|{address}|{share}|{what}")

    def connected(self, at: float, user: str, address: str, share: str) -> Said:
        return self.share(at, user, address, share, f"connect|ok|{share}")

    def read(self, at: float, user: str, address: str, share: str, file: str) -> Said:
        return self.share(at, user, address, share, f"openat|ok|r|{file}")

    def wrote(self, at: float, user: str, address: str, share: str, file: str) -> Said:
        return self.share(at, user, address, share, f"openat|ok|w|{file}")

    def renamed(self, at: float, user: str, address: str, share: str, file: str, becomes: str) -> Said:
        return self.share(at, user, address, share, f"renameat|ok|{file}|{becomes}")

    def deleted(self, at: float, user: str, address: str, share: str, file: str) -> Said:
        return self.share(at, user, address, share, f"unlinkat|ok|{file}")

    # --- mail, VPN, web, addresses ------------------------------------------------------------------------------------------------

    def mailbox_refused(self, at: float, user: str, address: str) -> Said:
        """Dovecot."""
        return self.say(
            at, MAIL_INFO, "dovecot:",
            f"imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<{user}>, method=PLAIN, rip={address}, "
            f"lip=192.168.30.20, TLS, session=<{int(at * 1000):x}AAAA>",
        )  # fmt: skip

    def mailbox_opened(self, at: float, user: str, address: str) -> Said:
        return self.say(
            at, MAIL_INFO, "dovecot:",
            f"imap-login: Login: user=<{user}>, method=PLAIN, rip={address}, lip=192.168.30.20, mpid={3_000 + int(at) % 9_000}, TLS, "
            f"session=<{int(at * 1000):x}BBBB>",
        )  # fmt: skip

    def mail_refused(self, at: float, user: str, address: str) -> Said:
        """Postfix; whoever guesses there has no name in DNS."""
        return self.say(
            at, MAIL_INFO - 2, f"postfix/smtpd[{3_000 + int(at) % 9_000}]:",
            f"warning: unknown[{address}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username={user}",
        )  # fmt: skip

    def mail_sent(self, at: float, user: str, address: str, to: str) -> list[Said]:
        """A letter through Postfix: taken from somebody who signed in, queued, delivered."""
        number, pid = f"{int(at * 1000) % (1 << 40):010X}", 3_000 + int(at) % 9_000
        return [
            self.say(at, MAIL_INFO, f"postfix/smtpd[{pid}]:", f"{number}: client=unknown[{address}], sasl_method=PLAIN, sasl_username={user}"),
            self.say(at + 0.2, MAIL_INFO, f"postfix/qmgr[{pid + 1}]:", f"{number}: from=<{user}>, size=18231, nrcpt=1 (queue active)"),
            self.say(
                at + 1.4, MAIL_INFO, f"postfix/smtp[{pid + 2}]:",
                f"{number}: to=<{to}>, relay=mx.example[192.0.2.25]:25, delay=1.4, delays=0.2/0.01/0.4/0.8, dsn=2.0.0, status=sent (250 2.0.0 OK)",
            ),
        ]  # fmt: skip

    def tunnel(self, at: float, user: str, address: str) -> list[Said]:
        """OpenVPN lets somebody in."""
        peer = f"{address}:{40_000 + int(at) % 20_000}"
        said = (
            f"{peer} TLS: Initial packet from [AF_INET]{peer}, sid=1f0c2a44 8be1d07c",
            f"{peer} VERIFY OK: depth=0, CN={user}",
            f"{peer} [{user}] Peer Connection Initiated with [AF_INET]{peer}",
            f"{user}/{peer} SENT CONTROL [{user}]: 'PUSH_REPLY,route 192.168.10.0 255.255.255.0,ifconfig 10.8.0.6 255.255.255.0' (status=1)",
        )
        return [self.say(at + number * 0.4, DAEMON_INFO, "ovpn-server[812]:", text) for number, text in enumerate(said)]

    def tunnel_refused(self, at: float, address: str) -> Said:
        text = (
            f"{address}:{40_000 + int(at) % 20_000} TLS Auth Error: Auth Username/Password verification failed for peer"
        )
        return self.say(at, DAEMON_INFO, "ovpn-server[812]:", text)

    def page(self, at: float, address: str, path: str, status: int, agent: str, method: str = "GET") -> Said:
        """nginx's access log, combined format."""
        when = local(int(at))
        text = f'{address} - - [{when:%d/%b/%Y:%H:%M:%S %z}] "{method} {path} HTTP/1.1" {status} {150 + len(path) * 31} "-" "{agent}"'
        return self.say(at, LOCAL7_INFO, "nginx:", text)

    def lease(self, at: float, address: str, mac: str, name: str) -> list[Said]:
        """dhcpd gives an address."""
        return [
            self.say(at, DAEMON_INFO, "dhcpd:", f"DHCPREQUEST for {address} from {mac} ({name}) via igb1"),
            self.say(at + 0.1, DAEMON_INFO, "dhcpd:", f"DHCPACK on {address} to {mac} ({name}) via igb1"),
        ]


@dataclass(frozen=True)
class Proxmox(Unix):
    """A hypervisor."""

    def signed_in(self, at: float, user: str) -> Said:
        return self.say(at, DAEMON_INFO, "pvedaemon[1713]:", f"<root@pam> successful auth for user '{user}'")

    def refused(self, at: float, user: str, address: str) -> Said:
        text = f"authentication failure; rhost=::ffff:{address} user={user} msg=Authentication failure"
        return self.say(at, DAEMON_INFO, "pvedaemon[1713]:", text)

    def task(self, at: float, what: str, machine: int, user: str) -> Said:
        """A task that somebody starts ("qmstop", "vzdump", …)."""
        text = (
            f"<{user}> starting task UPID:pve:{int(at) % 0xFFFFFF:08X}:01B2C3D4:{int(at):08X}:{what}:{machine}:{user}:"
        )
        return self.say(at, DAEMON_INFO, "pvedaemon[1713]:", text)


@dataclass(frozen=True)
class Synology(Lines):
    """A DiskStation whose Log Center forwards what it keeps."""

    def signed_in(self, at: float, user: str, address: str, service: str = "DSM") -> Said:
        return self.say(
            at,
            USER_INFO,
            "Connection:",
            f"User [{user}] from [{address}] signed in to [{service}] successfully via [password].",
        )

    def refused(self, at: float, user: str, address: str, service: str = "DSM") -> Said:
        text = f"User [{user}] from [{address}] failed to sign in to [{service}] via [password] due to authorization failure."
        return self.say(at, USER_INFO - 2, "Connection:", text)

    def opened(self, at: float, user: str, address: str, share: str) -> Said:
        return self.say(
            at,
            USER_INFO,
            "Connection:",
            f"User [{user}] from [{address}] via [CIFS(SMB3)] accessed shared folder [{share}].",
        )

    def file(self, at: float, event: str, path: str, user: str, address: str, size: str = "48.00 KB") -> Said:
        """What somebody does with a file: read, write, create, delete, rename, move."""
        text = f"Event: {event}, Path: {path}, File/Folder: File, Size: {size}, User: {user}, IP: {address}"
        return self.say(at, USER_INFO, "WinFileService", text)

    def system(self, at: float, text: str, account: str = "SYSTEM") -> Said:
        return self.say(at, USER_INFO, "System", f"{account}:\t{text}")
