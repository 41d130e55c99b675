"""Mail servers: Dovecot, Postfix, Exim, Sendmail, Courier. Who signs in, who only tries, and whom a server turned away.

Sentences: Dovecot's src/login-common/client-common.c, src/auth/auth-request.c and db-*.c; Postfix's src/smtpd/smtpd_sasl_glue.c and
smtpd.c; Exim's src/smtp_in.c and the specification's chapter "Log files"; Sendmail's srvrsmtp.c.
"""

import re
from typing import Final

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, number, sign_in
from beffroi.logs.formats.services import pam

_DOVECOT = LogSource("linux", None, "dovecot")
_POSTFIX = LogSource("linux", None, "postfix")
_EXIM = LogSource("linux", None, "exim")
_SENDMAIL = LogSource("linux", None, "sendmail")
_COURIER = LogSource("linux", None, "courier")
_IP = r"[0-9A-Fa-f.:]{2,45}"
MOST = 64  # places that are looked at in one line

_LOGIN = re.compile(
    r"(?:\w{1,16}: )?(imap|pop3|submission|managesieve|sieve|lmtp)-login: (?:Info: |Warning: |Error: )?"
)
_SESSION = re.compile(r", session=<([^<>\s]{1,64})>")
_DRIVER = re.compile(
    r"(?:\A|: )(pam|passwd-file|passwd|shadow|sql|ldap|bsdauth|checkpassword|vpopmail|lua|dict|oauth2|static|imap)\("
)
_ANSWER = re.compile(rf",({_IP})(?:,(?:<[^<>\s]{{0,64}}>)?)?\): (?:Info: )?([A-Za-z][^\n]*)")
_AUTH24 = re.compile(
    rf",({_IP})(?:,[a-z:_-]{{1,32}})?\)(?:<[^<>\s]{{0,64}}>)?: (?:Info: )?(\w{{1,24}}): ([A-Za-z][^\n]*)"
)
_REFUSALS = ("unknown user", "password mismatch", "invalid credentials", "pam_authenticate() failed", "user not known")
_REASONS = ("auth failed", "tried to use disabled ", "tried to use disallowed ", "proxy dest auth failed")


def read_dovecot(text: str) -> Reading | None:
    """A line of Dovecot's, of a login process or of its authentication."""
    text = text.strip()
    if (at := text.find("pam_", 0, 64)) >= 0 and "(dovecot:" in text[at : at + 32]:
        return pam.read(text[at:])
    if found := _LOGIN.match(text):
        return _dovecot_login(found[1], text[found.end() :])
    return _dovecot_auth(text)


def _dovecot_login(protocol: str, text: str) -> Reading | None:
    """Reason, user, method, addresses: the user's name, in brackets, may hold all of that, so the last ` rip=` is Dovecot's."""
    at = text.rfind(" rip=")
    if at < 0:
        return None
    start = text.find("user=<", 0, at)
    before = text[: start if start >= 0 else at]
    user = method = None
    if start >= 0:
        inner = text[start + 6 : at]
        inner, sign, method = inner.rpartition(">, method=")
        if not sign:
            inner, method = method.rpartition(">")[0], None
        user = inner or None
    if method is None and ", method=" not in before and before.startswith("method="):
        method = before.partition("=")[2]
    elif method is None and (place := before.find("method=")) >= 0:
        method = before[place + 7 :]
    session = _SESSION.search(text, at)
    if before.startswith(("Login: ", "Logged in: ")):
        outcome: str | None = SUCCESS
    else:
        outcome = FAILURE if any(f"({reason}" in before for reason in _REASONS) else None
    reason = before.rstrip(" :,").rpartition("method=")[0].rstrip(" :,") or before.rstrip(" :,")
    return sign_in(
        _DOVECOT, outcome, user, text[at + 5 :].partition(",")[0],
        action="login" if outcome else None, application=protocol, method=(method or "").rstrip(", ") or None,
        session_id=session[1] if session else None, failure_reason=reason if outcome == FAILURE else None,
    )  # fmt: skip


def _dovecot_auth(text: str) -> Reading | None:
    """`driver(user,address,<session>): answer`. The user's name may hold a whole answer, and so may the password that Dovecot can be
    told to write behind: where both stand there and name different addresses, none is given."""
    if text.startswith("auth("):
        pattern, start, driver = _AUTH24, 5, None
    elif (found := _DRIVER.search(text[:256])) is not None:
        pattern, start, driver = _ANSWER, found.end(), found[1]
    else:
        return None
    places = [one for one, _ in zip(pattern.finditer(text, start), range(MOST), strict=False)]
    # What a password or a name puts behind an answer is within the answer's own match: look into it too.
    while places and len(places) < MOST and (more := pattern.search(text, places[-1].start() + 1)):
        places.append(more)
    if not places:
        return None
    last = places[-1]
    answer = last[last.lastindex or 1]
    if not answer.lower().startswith(_REFUSALS):
        return None
    known = {one[1] for one in places}
    sure = len(known) == 1 or (len(places) < MOST and "given password: " not in text[places[0].start() : last.start()])
    return sign_in(
        _DOVECOT, FAILURE, text[start : last.start()] if sure else None, last[1] if sure else None, action="login",
        method=driver or last[2], failure_reason=answer.partition(" (given password")[0].partition(" (SHA1 of")[0],
    )  # fmt: skip


POSTFIX: Final = ("postfix", "smtpd", "submission", "smtps", "postscreen", "cleanup", "qmgr", "smtp", "lmtp", "local", "virtual", "pipe", "error", "bounce")  # fmt: skip
"""The names its processes log under; RFC 5424 as rsyslog writes it keeps only the first of "postfix/smtpd"."""

_SASL = re.compile(
    rf"warning: (\S{{1,255}})\[({_IP})\](?::(\d{{1,5}}))?: SASL (\S{{1,64}}) authentication failed(?:: (.*))?",
    re.DOTALL,
)
_CLIENT = re.compile(
    rf"([0-9A-Za-z]{{5,20}}): client=(\S{{1,255}})\[({_IP})\](?::\d{{1,5}})?(?:, sasl_method=(\S{{1,64}}), sasl_username=(.{{1,320}}))?",
    re.DOTALL,
)
_REJECT = re.compile(
    rf"(\w{{1,20}}): (reject|reject_warning|milter-reject|discard|filter|hold): (\S{{1,16}}) from (\S{{1,255}})\[({_IP})\](?::\d{{1,5}})?: (.*)",
    re.DOTALL,
)
_ODD = re.compile(
    rf"(?:warning: )?(non-SMTP command|improper command pipelining after \S{{1,64}}|lost connection after \S{{1,64}}|too many errors after \S{{1,64}}|timeout after \S{{1,64}}|connect|disconnect) from (\S{{1,255}})\[({_IP})\]"
)
_QUEUED = re.compile(r"([0-9A-Za-z]{5,20}): from=<([^>]{0,320})>, size=(\d{1,15}), nrcpt=")
# What the other server answered stands last, in parentheses.
_DELIVERED = re.compile(
    r"([0-9A-Za-z]{5,20}): to=<([^>]{0,320})>, (?:orig_to=<[^>]{0,320}>, )?relay=.{1,600}?, status=(sent|deferred|bounced|expired|undeliverable|deliverable)(?: \((.*)\))?",
    re.DOTALL,
)
_TAIL = re.compile(r"; from=<([^>]{0,320})>(?: to=<([^>]{0,320})>)?(?: proto=(\S{1,16}))?(?: helo=<([^>]{0,255})>)?")


def read_postfix(text: str) -> Reading | None:
    """A line of Postfix's SMTP servers. The client's name is from DNS and has no bracket; what stands before it Postfix wrote."""
    if found := _SASL.match(text):
        reason, _, user = (found[5] or "").partition(", sasl_username=")
        return sign_in(
            _POSTFIX, FAILURE, user.strip() or None, found[2], action="login", method=found[4], src_host=_named(found[1]),
            failure_reason=reason.strip() or None, src_port=number(found[3] or ""),
        )  # fmt: skip
    if found := _CLIENT.match(text):
        user = (found[5] or "").partition(", sasl_sender=")[0].strip()
        return sign_in(
            _POSTFIX, SUCCESS if user else None, user or None, found[3], action="login" if user else "connect",
            method=found[4], src_host=_named(found[2]), queue_id=found[1],
        )  # fmt: skip
    if found := _REJECT.match(text):
        reason, sign, _rest = found[6].partition("; from=<")
        tail = _TAIL.search(found[6], len(reason)) if sign else None
        fields: Fields = (
            dict(zip(("sender", "recipient", "protocol", "helo"), tail.groups(), strict=True)) if tail else {}
        )
        if fields.get("protocol"):
            fields["protocol"] = fields["protocol"].lower()
        return sign_in(
            _POSTFIX,
            None,
            None,
            found[5],
            action=found[2],
            command=found[3],
            src_host=_named(found[4]),
            reason=reason,
            **fields,
        )
    if found := _QUEUED.match(text):
        return sign_in(_POSTFIX, None, None, None, action="queued", queue_id=found[1], sender=found[2], size=found[3])
    if found := _DELIVERED.match(text):
        return sign_in(
            _POSTFIX, None, None, None, action=found[3], queue_id=found[1], recipient=found[2], said=found[4] or None
        )
    if found := _ODD.match(text):
        return sign_in(_POSTFIX, None, None, found[3], action=found[1], src_host=_named(found[2]))
    return None


def _named(host: str) -> str | None:
    return None if host == "unknown" else host


_EXIM_AGAIN = re.compile(r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? )?(?:\[\d{1,10}\] )?")
_REFUSED = re.compile(
    rf"(?:([^\s\[(]{{1,255}}) )?(?:\((\S{{0,255}})\) )?\[({_IP})\](?::(\d{{1,5}}))?(?: I=\[{_IP}\]:\d{{1,5}})?(?: Ci=\d{{1,10}})?: (\d{{3}} .*)",
    re.DOTALL,
)
_AUTHENTICATOR = re.compile(r"(\S{1,64}) authenticator failed for ")
_PEER = re.compile(
    rf"(?:[0-9A-Za-z-]{{1,32}} )?(?:H=|SMTP call from |SMTP connection from |no MAIL in SMTP connection from )(?:([^\s\[(]{{1,255}}) )?(?:\((\S{{0,255}})\) )?\[({_IP})\](?::(\d{{1,5}}))?(.*)",
    re.DOTALL,
)
_REJECTED = re.compile(
    r"(?:temporarily )?rejected (?:(RCPT|MAIL|EHLO|HELO|DATA|connection|after DATA)\b ?)?(?:<?([^\s<>]{1,320})>?)?(?:: (.*))?",
    re.DOTALL,
)
_SENDER = re.compile(r" F=<?([^\s<>]{0,320})>? ")
_ARRIVED = re.compile(r"([0-9A-Za-z-]{16,32}) <= (\S{1,320}) ")
_ARRIVAL_PEER = re.compile(rf" H=(?:([^\s\[(]{{1,255}}) )?(?:\((\S{{0,255}})\) )?\[({_IP})\](?::(\d{{1,5}}))? ")
_ARRIVAL_AUTH = re.compile(r" A=([\w-]{1,64})(?::(\S{1,320}))?")


def read_exim(text: str) -> Reading | None:
    """A line of Exim's main or reject log. A HELO has no blank, and an address in it stands in parentheses: the first address in bare
    brackets is the peer's."""
    text = text[_EXIM_AGAIN.match(text).end() :].rstrip()  # type: ignore[union-attr] # it matches nothing at worst
    if found := _AUTHENTICATOR.match(text):
        peer = _REFUSED.match(text, found.end())
        if peer is None:
            return None
        reason, _, user = peer[5].partition(" (set_id=")
        return sign_in(
            _EXIM, FAILURE, user.rpartition(")")[0] or None, peer[3], action="login", method=found[1], helo=peer[2],
            src_host=peer[1], src_port=number(peer[4] or ""), failure_reason=reason,
        )  # fmt: skip
    if found := _PEER.match(text):
        fields: Fields = {"helo": found[2], "src_host": found[1], "src_port": number(found[4] or "")}
        rest = found[5]
        if sender := _SENDER.search(rest[:1024]):
            fields["sender"] = sender[1]
        if (at := rest.find("rejected ")) >= 0 and (told := _REJECTED.match(rest, at)):
            fields |= {
                "action": "reject",
                "command": told[1],
                "recipient": told[2] if told[1] == "RCPT" else None,
                "reason": told[3],
            }
        elif (at := rest.find("sender verify fail for ")) >= 0:
            fields |= {"action": "reject", "reason": rest[at:]}
        else:
            fields["reason"] = rest.strip() or None
        return sign_in(_EXIM, None, None, found[3], **fields)
    return _exim_arrival(text)


def _exim_arrival(text: str) -> Reading | None:
    """A message that came in: `ID <= sender H=… A=authenticator:user`: a sign-in where it names one."""
    found = _ARRIVED.match(text)
    if found is None or (peer := _ARRIVAL_PEER.search(text[:2048])) is None:
        return None
    auth = _ARRIVAL_AUTH.match(text, text.find(" A=", peer.end() - 1)) if " A=" in text else None
    return sign_in(
        _EXIM, SUCCESS if auth else None, auth[2] if auth else None, peer[3], action="login" if auth else "receive", method=auth[1] if auth else None,
        sender=found[2], queue_id=found[1], src_host=peer[1], helo=peer[2], src_port=number(peer[4] or ""),
    )  # fmt: skip


_RELAY = re.compile(rf"(?:(\S{{1,255}}) )?\[({_IP})\](?: \(may be forged\))?\s*\Z")
_AUTH_FAILURE = re.compile(r"\w{1,24}: AUTH failure \((\S{1,64})\): ")
_ATTACK = re.compile(
    rf"\w{{1,24}}: (?:(\S{{1,255}}) )?\[({_IP})\](?: \(may be forged\))?: (possible SMTP attack: command=AUTH.*)",
    re.DOTALL,
)


def read_sendmail(text: str) -> Reading | None:
    """A sign-in that Sendmail refused. The relay, Sendmail's own words, ends the line."""
    if found := _AUTH_FAILURE.match(text):
        said, sign, relay = text[found.end() :].rpartition(", relay=")
        peer = _RELAY.match(relay) if sign else None
        if peer is None:
            return None
        reason, _, user = said.partition(", user=")
        return sign_in(
            _SENDMAIL,
            FAILURE,
            user or None,
            peer[2],
            action="login",
            method=found[1],
            src_host=peer[1],
            failure_reason=reason,
        )
    if found := _ATTACK.match(text):
        return sign_in(
            _SENDMAIL, FAILURE, None, found[2], action="login", src_host=found[1], failure_reason=found[3].strip()
        )
    return None


_COURIER_ERROR = re.compile(rf'error,relay=({_IP}),(?:port=(\d{{1,5}}),)?msg="535 Authentication failed\."')
_COURIER_LOGIN = re.compile(rf"LOGIN(?: (FAILED))?, (?:method=(\S{{1,32}}), )?user=(.*), ip=\[({_IP})\]", re.DOTALL)


def read_courier(text: str) -> Reading | None:
    """Sign-ins of Courier: SMTP (courieresmtpd), IMAP and POP3."""
    if found := _COURIER_ERROR.match(text):
        return sign_in(
            _COURIER,
            FAILURE,
            None,
            found[1],
            action="login",
            src_port=number(found[2] or ""),
            failure_reason="535 Authentication failed.",
        )
    if found := _COURIER_LOGIN.match(text):
        return sign_in(_COURIER, FAILURE if found[1] else SUCCESS, found[3], found[4], action="login", method=found[2])
    return None
