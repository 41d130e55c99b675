"""The one table of real programs that are installed on a machine of their own: what is done to each, and what its lines must say.

A test and `benchmarks/formats.py` play the same acts and judge the same lines; `judged` goes through the one door, `normalise`.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from beffroi.core.model import LogSource
from beffroi.logs.arrival import Form
from beffroi.logs.formats.normal import AUTHENTICATION, Context, Normalised
from beffroi.logs.formats.understood import normalise
from tests import debian
from tests.real import acts
from tests.real.machine import Machine, machine

__all__ = ["PROGRAMS", "Judgement", "Program", "judged"]


class Act(NamedTuple):
    """What somebody did, and what one line at least must say of it: its log source and these fields."""

    what: str
    source: LogSource
    fields: Mapping[str, Any]

    @property
    def told_as(self) -> LogSource:
        """Its log source as a line must say it: a sign-in that succeeded or failed is of that category, unless of another."""
        sign_in = self.source.category is None and "outcome" in self.fields
        return self.source._replace(category=AUTHENTICATION) if sign_in else self.source


class Program(NamedTuple):
    """A program: `play` does all the acts; `syslog` must be told through rsyslogd in each of machine.FORMATS, `files` maps a log file of
    the program's own to the acts that it must tell."""

    packages: Sequence[str]
    version: str
    play: Callable[[Machine], None]
    syslog: Sequence[Act] = ()
    files: Mapping[str, Sequence[Act]] = {}


class Judgement(NamedTuple):
    """Of `wanted` fields `right` were said; `misses` are the others, and the `invented`: outcomes told of nobody's act, wrong times."""

    version: str
    lines: int
    wanted: int
    right: int
    invented: int
    misses: Sequence[str]


HERE = "127.0.0.1"
LATELY = timedelta(minutes=10)
_AUTH, _AUDIT = LogSource("samba", None, "auth_audit"), "full_audit"
_DOVECOT, _POSTFIX = LogSource("linux", None, "dovecot"), LogSource("linux", None, "postfix")
_OPENVPN = LogSource("linux", None, "openvpn")
_PAM, _SUDO = LogSource("linux", None, "auth"), LogSource("linux", None, "sudo")


def _sign_in(what: str, source: LogSource, outcome: str, username: str | None, **more: Any) -> Act:
    fields = {"action": "login", "outcome": outcome, "src_ip": HERE, **more}
    return Act(what, source, fields if username is None else {**fields, "username": username})


def _samba_sign_ins() -> Iterator[Act]:
    for what, outcome, user, status in (
        ("a wrong password", "failure", "anna", "NT_STATUS_WRONG_PASSWORD"),
        ("nobody's name", "failure", acts.UNKNOWN, "NT_STATUS_NO_SUCH_USER"),
        ("a name that imitates a line", "failure", acts.HOSTILE, "NT_STATUS_NO_SUCH_USER"),
        ("a sign-in", "success", "anna", "NT_STATUS_OK"),
    ):
        yield _sign_in(
            what, _AUTH, outcome, user, status=status, domain="HOUSE", workstation="NAS", method="NTLMv2", application="SMB2"
        )  # fmt: skip


def _on_share(what: str, category: str | None, action: str, name: str | None, **more: Any) -> Act:
    fields = {"action": action, "result": "ok", "username": "anna", "src_ip": HERE, "share": "plans", **more}
    if name is not None:
        fields["TargetFilename"] = f"/srv/plans/{name}"
    return Act(what, LogSource("samba", category, _AUDIT), fields)


_SHARE = (
    _on_share("the share opened", None, "connect", None),
    _on_share("a folder made", "file_event", "mkdirat", "new"),
    _on_share("a file made", "file_event", "create_file", "a.docx"),
    _on_share("a file written", "file_event", "pwrite_send", "a.docx"),
    _on_share("a file read", "file_access", "pread_send", "a.docx"),
    _on_share("a file renamed", "file_rename", "renameat", "a.docx", renamed="/srv/plans/a.docx.locked"),
    _on_share("a file deleted", "file_delete", "unlinkat", "a.docx.locked"),
    _on_share("a folder deleted", "file_delete", "unlinkat", "new"),
    _on_share("a file refused", "file_access", "create_file", "closed.docx", result="fail"),
    _on_share("the share left", None, "disconnect", None),
    _on_share("a folder made on a share whose prefix has names", "file_event", "mkdirat", "monday", share="minutes"),
    _on_share("a folder deleted there", "file_delete", "unlinkat", "monday", share="minutes", workstation="nas"),
)

_MAIL = (
    _sign_in("IMAP, a wrong password", _DOVECOT, "failure", "anna", application="imap", method="PLAIN"),
    _sign_in("IMAP, nobody's name", _DOVECOT, "failure", acts.UNKNOWN, application="imap", method="PLAIN"),
    _sign_in("IMAP, a name that imitates a line", _DOVECOT, "failure", acts.HOSTILE_MAIL, application="imap"),
    _sign_in("IMAP, a sign-in", _DOVECOT, "success", "anna", application="imap", method="PLAIN"),
    _sign_in("SMTP, a wrong password", _POSTFIX, "failure", "anna", method="PLAIN"),
    _sign_in("SMTP, nobody's name", _POSTFIX, "failure", acts.UNKNOWN, method="PLAIN"),
    _sign_in("SMTP, a sign-in", _POSTFIX, "success", "anna", method="PLAIN"),
    Act("a mail taken in", _POSTFIX, {"action": "queued", "sender": "anna@house.example"}),
    Act("a mail delivered", _POSTFIX, {"action": "sent", "recipient": "anna@localhost"}),
    Act("a mail sent back", _POSTFIX, {"action": "bounced", "recipient": "no-such-person@localhost"}),
    Act("a mail for elsewhere refused", _POSTFIX, {
        "action": "reject", "command": "RCPT", "src_ip": HERE, "sender": "anna@house.example", "recipient": "bert@elsewhere.example",
        "helo": "pc7.house.example", "protocol": "esmtp",
    }),
    Act("a visitor of the web", _POSTFIX, {"action": "non-SMTP command", "src_ip": HERE}),
    Act("a visitor gone", _POSTFIX, {"action": "disconnect", "src_ip": HERE}),
)  # fmt: skip

_VPN = (
    _sign_in("a sign-in", _OPENVPN, "success", "anna"),
    _sign_in("a wrong password", _OPENVPN, "failure", None, failure_reason="TLS Auth Error: Auth Username/Password verification failed for peer"),
    _sign_in("a certificate of somebody else's", _OPENVPN, "failure", None),
)  # fmt: skip


def _became(what: str, source: LogSource, outcome: str | None, username: str, target: str, **more: Any) -> Act:
    told = {} if outcome is None else {"outcome": outcome}
    return Act(what, source, {**told, "username": username, "target_user": target, **more})


_BECAME = (
    _became("sudo", _SUDO, None, "anna", "bert", action="sudo", command="/usr/bin/id -un", folder="/tmp"),
    _became("sudo, a wrong password", _SUDO, "failure", "anna", "root", action="sudo", command="/usr/bin/cat /etc/shadow"),
    _became("sudo, not allowed", _SUDO, "failure", "bert", "root", action="sudo", command="/usr/bin/cat /etc/shadow"),
    _became("su", _PAM, "success", "anna", "bert", action="su"),
    _became("su, a wrong password", _PAM, "failure", "anna", "bert", action="su"),
    Act("a session opened", _PAM, {"action": "session opened", "username": "bert", "application": "su"}),
    Act("a session closed", _PAM, {"action": "session closed", "username": "bert", "application": "su"}),
)  # fmt: skip


def _visit(what: str, service: str | None, path: str, status: int, **more: Any) -> Act:
    fields = {"src_ip": HERE, "c-ip": HERE, "cs-method": "GET", "cs-uri-query": path, "sc-status": status, **more}
    return Act(what, LogSource(None, "webserver", service), fields)


def _visits(service: str | None) -> Iterator[Act]:
    for name in ("anna", acts.UNKNOWN):
        yield _visit(f"a visit with a wrong password of {name}", service, "/closed/plans.html", 401, username=name)
    yield _visit("a visit with a password", service, "/closed/plans.html", 200, username="anna")
    yield _visit("a visit to a file outside", service, "/../../etc/passwd?a=b", 400)
    yield _visit(
        "a scanner", service, "/.env", 404, **{"cs-user-agent": "scanner/1", "cs-referer": "http://elsewhere.example/"}
    )


_NGINX = LogSource(None, None, "nginx")
_REFUSED = (
    _sign_in("a wrong password", _NGINX, "failure", "anna"),
    _sign_in("nobody's name", _NGINX, "failure", acts.UNKNOWN),
    Act("a name that imitates a line", _NGINX, {"action": "login", "outcome": "failure"}),
)

_SSHD = LogSource("linux", None, "sshd")
_SHELL = (
    _sign_in("a wrong password", _SSHD, "failure", "anna", method="password"),
    _sign_in("nobody's name", _SSHD, "failure", acts.UNKNOWN, method="password"),
    _sign_in("a name that imitates a line", _SSHD, "failure", acts.HOSTILE_SHELL, method="password"),
    _sign_in("a sign-in", _SSHD, "success", "anna", method="password"),
    Act("a session opened", _PAM, {"action": "session opened", "username": "anna", "application": "sshd"}),
    Act("a session closed", _PAM, {"action": "session closed", "username": "anna", "application": "sshd"}),
)

_AUDITD = LogSource("linux", None, "auditd")
_RECORDS = (
    _sign_in("a wrong password", _AUDITD, "failure", "anna", type="USER_LOGIN"),
    _sign_in("nobody's name", _AUDITD, "failure", "(invalid user)", type="USER_LOGIN"),
    # The record holds no more than 32 characters of a name.
    Act(
        "who tried it",
        _AUDITD,
        {"type": "USER_AUTH", "username": acts.HOSTILE_SHELL[:32], "src_ip": HERE, "res": "failed"},
    ),
    Act("a session opened", _AUDITD, {"type": "USER_START", "username": "anna", "src_ip": HERE, "res": "success"}),
    Act("a command", _AUDITD, {"type": "EXECVE", "a0": "id", "a1": "--user"}),
    Act("a command's call", _AUDITD, {"type": "SYSCALL", "exe": "/usr/bin/id", "key": "run", "success": "yes"}),
    Act("a file renamed", _AUDITD, {"type": "PATH", "name": "/srv/plans/a.docx", "nametype": "DELETE"}),
    Act("its new name", _AUDITD, {"type": "PATH", "name": "/srv/plans/a.docx.locked", "nametype": "CREATE"}),
    Act("the renaming's call", _AUDITD, {"type": "SYSCALL", "exe": "/usr/bin/mv", "key": "plans"}),
)

PROGRAMS: Final[Mapping[str, Program]] = {
    "Samba": Program(
        ("samba", "smbclient", "samba-vfs-modules", "rsyslog"),
        "smbd -V",
        acts.samba,
        (*_samba_sign_ins(), *_SHARE),
        {acts.SAMBA_LOG: tuple(_samba_sign_ins()), acts.SAMBA_JSON: tuple(_samba_sign_ins())},
    ),
    "Dovecot and Postfix": Program(
        ("postfix", "dovecot-imapd", "rsyslog"),
        "echo Dovecot $(dovecot --version), Postfix $(postconf -h mail_version)",
        acts.mail,
        _MAIL,
    ),
    "OpenVPN": Program(("openvpn", "rsyslog"), "openvpn --version | head -n 1 | cut -d ' ' -f 1,2", acts.openvpn, _VPN),
    "nginx": Program(
        ("nginx", "rsyslog"),
        "nginx -v",
        acts.nginx,
        (*_visits("nginx"), *_REFUSED),
        {acts.NGINX_ACCESS: tuple(_visits(None)), acts.NGINX_ERRORS: _REFUSED},
    ),
    "sshd": Program(("openssh-server", "openssh-client", "rsyslog"), "ssh -V", acts.sshd, _SHELL),
    "auditd": Program(
        ("auditd", "openssh-server", "openssh-client", "rsyslog"),
        "auditctl -v",
        acts.audit,
        (),
        {acts.AUDIT_LOG: _RECORDS},
    ),
    "sudo and su": Program(("sudo", "rsyslog"), "sudo -V | head -n 1; su --version", acts.sudo, _BECAME),
}


def judged(program: Program) -> Judgement:
    """Play what is done to a program and judge what is understood of its lines. Raises unittest.SkipTest where it cannot run here."""
    packages = debian.unpacked(*program.packages)
    with tempfile.TemporaryDirectory() as folder, machine(packages, Path(folder)) as inside:
        inside.collect()
        program.play(inside)
        version = " ".join(inside.run(program.version).split())
        places = [(name, lines, program.syslog) for name, lines in inside.collected().items() if program.syslog]
        places += [(path, inside.read(path).splitlines(), wanted) for path, wanted in program.files.items()]
    found = [_judged(*place) for place in places]
    return Judgement(
        version,
        sum(one.lines for one in found),
        sum(one.wanted for one in found),
        sum(one.right for one in found),
        sum(one.invented for one in found),
        [miss for one in found for miss in one.misses],
    )


def _judged(place: str, lines: Sequence[bytes], wanted: Sequence[Act]) -> Judgement:
    """The judgement of one format."""
    now = Context(datetime.now(UTC), UTC)
    told = [event for line in lines if line.strip() for event in normalise(Form.LINE, line, now)]
    lacking = {act.what: min((_missed(act, event) for event in told), key=len, default=["line"]) for act in wanted}
    fields = sum(1 + len(act.fields) for act in wanted)
    invented = [f"{place}: {fault}" for event in told if (fault := _invented(event, wanted, now.arrived))]
    misses = [f"{place}: {act}: no {what}" for act, missed in lacking.items() for what in missed]
    return Judgement("", len(told), fields, fields - len(misses), len(invented), misses + invented)


def _invented(event: Normalised, wanted: Sequence[Act], now: datetime) -> str | None:
    """What an event says that is not so: an outcome of nobody's act, or another time."""
    if "outcome" in event.fields and not any(_explains(act, event) for act in wanted):
        return f"told of nobody's act: {event.fields['message']}"
    if event.time is not None and abs(event.time - now) > LATELY:
        return f"at the wrong time: {event.fields['message']}"
    return None


def _missed(act: Act, event: Normalised) -> list[str]:
    """What an event does not say of an act."""
    lacking = [] if event.logsource == act.told_as else [f"log source {act.told_as}"]
    return lacking + [f"{name}={value}" for name, value in act.fields.items() if event.fields.get(name) != value]


def _explains(act: Act, event: Normalised) -> bool:
    """Whether an outcome may be told of an act; what a line leaves out is no lie."""
    said = event.fields
    return act.fields.get("outcome") == said["outcome"] and all(
        said.get(name) in (None, act.fields[name]) for name in ("username", "src_ip") if name in act.fields
    )
