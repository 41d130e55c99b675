"""Log lines of programs on servers → log source and fields: `PROGRAMS` says whose a program's lines are, `of_text` asks a line whose
program is not known.

Every reader is pure: `(text) -> (LogSource, Fields) | None`, where text stands behind the syslog header.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import Reader, Reading
from beffroi.logs.formats.services import audit, ftp, mail, pam, sshd, vpn, web

__all__ = ["PREFIXES", "PROGRAMS", "READERS", "Reader", "Reading", "of_text", "read", "stated"]


def _within(name: str) -> Callable[[str], Reading | None]:
    """Dovecot's lines where the process is the program itself: in its own log file."""
    return lambda text: mail.read_dovecot(f"{name}: {text}")


PROGRAMS: Final[Mapping[str, tuple[Reader, ...]]] = {
    "sshd": (sshd.read, pam.read),
    "sshd-session": (sshd.read, pam.read),
    "sshd-auth": (sshd.read, pam.read),
    "dropbear": (sshd.read_dropbear, pam.read),
    "login": (pam.read_login,),
    "su": (pam.read_su,),
    "sudo": (pam.read_sudo,),
    "systemd-logind": (pam.read_logind, pam.read),
    "dovecot": (mail.read_dovecot,),
    "dovecot-auth": (mail.read_dovecot,),
    "auth": (mail.read_dovecot, pam.read),
    "auth-worker": (mail.read_dovecot, pam.read),
    **{name: (_within(name),) for name in ("imap-login", "pop3-login", "submission-login", "managesieve-login")},
    **dict.fromkeys(("smtpd", "submission", "smtps", "postscreen", "cleanup"), (mail.read_postfix,)),
    "exim": (mail.read_exim,),
    "exim4": (mail.read_exim,),
    "sendmail": (mail.read_sendmail,),
    "sm-mta": (mail.read_sendmail,),
    "sm-acceptingconnections": (mail.read_sendmail,),
    "courieresmtpd": (mail.read_courier,),
    "imapd": (mail.read_courier,),
    "pop3d": (mail.read_courier,),
    "proftpd": (ftp.read_proftpd, pam.read),
    "vsftpd": (ftp.read_vsftpd,),
    "pure-ftpd": (ftp.read_pure, pam.read),
    "openvpn": (vpn.read_openvpn,),
    "kernel": (vpn.read_wireguard, audit.read),
    "charon": (vpn.read_charon,),
    "charon-systemd": (vpn.read_charon,),
    "ipsec": (vpn.read_charon,),
    "pluto": (vpn.read_pluto,),
    "nginx": (web.read_nginx,),
    "apache": (web.read_apache,),
    "apache2": (web.read_apache,),
    "httpd": (web.read_apache,),
    "audispd": (audit.read,),
    "audisp-syslog": (audit.read,),
    "auditd": (audit.read,),
}
"""A program's name in the syslog header → the readers of its lines, in the order in which they are asked."""

PREFIXES: Final[tuple[tuple[str, tuple[Reader, ...]], ...]] = (
    ("ovpn-", (vpn.read_openvpn,)),
    ("openvpn", (vpn.read_openvpn,)),
)
"""The same for programs whose name only begins so."""

_SHAPES: Final[tuple[tuple[str, Reader], ...]] = (
    ("type=", audit.read),
    ("node=", audit.read),
    ("[", web.read_nginx_error),
    ("[", web.read_apache),
    ("[", ftp.read_vsftpd),
    ("auth(", mail.read_dovecot),
    ("H=", mail.read_exim),
    ("Bad PAM password attempt for '", sshd.read_dropbear),
    ("Bad password attempt for '", sshd.read_dropbear),
    ("Login attempt for nonexistent user", sshd.read_dropbear),
    ("Exit before auth", sshd.read_dropbear),
    ("TLS Error: ", vpn.read_openvpn),
    ("TCP connection established with ", vpn.read_openvpn),
    ("pam_", pam.read),
)
_STARTS: Final[dict[str, tuple[tuple[str, Reader], ...]]] = {
    first: tuple(shape for shape in _SHAPES if shape[0][0] == first) for first in {shape[0][0] for shape in _SHAPES}
}
READERS: Final[frozenset[Reader]] = frozenset(
    reader for readers in (*PROGRAMS.values(), *(readers for _, readers in PREFIXES)) for reader in readers
)


def read(program: str, text: str) -> Reading | None:
    """The reading of a message of a program; None where nobody knows it. `sshd(pam_unix)` is PAM's, `postfix/submission/smtpd` is
    smtpd, `httpd/site` httpd, `auth-worker(7)` auth-worker."""
    readers = PROGRAMS.get(program)
    if readers is None:
        service, within, _ = program.partition("(pam_")
        if within:
            return pam.read_module(service, text)
        plain = program.partition("(")[0]
        readers = PROGRAMS.get(plain.rpartition("/")[2]) or PROGRAMS.get(plain.partition("/")[0])
        if readers is None:
            readers = next((known for start, known in PREFIXES if program.startswith(start)), ())
    for reader in readers:
        if reading := reader(text):
            return reading
    return None


def of_text(text: str) -> Reading | None:
    """The reading of a line whose program nobody names, by how it begins: a log file's own."""
    for start, reader in _STARTS.get(text[:1], ()):
        if text.startswith(start) and (reading := reader(text)):
            return reading
    head = text[:256]
    if '] "' in text and " - " in head and (reading := web.read_access(text)):
        return reading
    if " authenticator failed for " in head or " H=" in head:
        return mail.read_exim(text)
    if head[:1].isdecimal() or "/" in head:
        return vpn.read_openvpn(text)
    return None


def stated(source: LogSource, fields: Fields) -> datetime | None:
    """The time (UTC) that a reading's own fields state with its zone, else None."""
    if source.service == "auditd":
        return audit.time_of(fields)
    written = fields.get("time") if source.category == "webserver" else None
    if not isinstance(written, str):
        return None
    try:
        return datetime.strptime(written, "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
