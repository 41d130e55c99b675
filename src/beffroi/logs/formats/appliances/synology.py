"""Synology DSM 6 and 7: sign-ins and connections ("Connection"), file transfers ("WinFileService" and its siblings), the system's own
log ("System"), and the PAM lines of DSM's sign-in page.

The sentences are those of DSM's Log Center (https://kb.synology.com/en-global/DSM/help/LogCenter, sent by syslog in English); what
stands in brackets or behind `Path:` is whatever people typed.
"""

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, address, cut_last, sign_in

_CONNECTION = LogSource("synology", None, "connection")
_PAM = LogSource("synology", None, "dsm")
_CATEGORIES = {
    "read": "file_access",
    "download": "file_access",
    "write": "file_event",
    "create": "file_event",
    "upload": "file_event",
    "mkdir": "file_event",
    "copy": "file_event",
    "delete": "file_delete",
    "rename": "file_rename",
    "move": "file_rename",
}
# What follows a user and an address, each with its outcome and what was done.
_SAID = (
    (" failed to sign in to [", FAILURE, "login"),
    (" failed to log in via [", FAILURE, "login"),
    (" failed to log in from [", FAILURE, "login"),
    (" signed in to [", SUCCESS, "login"),
    (" logged in successfully via [", SUCCESS, "login"),
    (" logged out the server via [", None, "logout"),
    (" signed out from [", None, "logout"),
)
_ACCESSED = " accessed shared folder ["


def read(text: str) -> Reading | None:
    """A line of any of them, without its program; None for others."""
    # rsyslog writes the tab behind the account as #011.
    account, tab, body = text.replace("#011", "\t", 1).partition(":\t")
    if not tab or len(account) > 256:
        account, tab, body = "", "", text
    if body.startswith("User [") and (reading := _connection(body)):
        return reading
    if body.startswith("Host [") and (reading := _host(body)):
        return reading
    if " Path: " in text[:128] and "Event: " in text[:64]:
        return _transfer(text)
    return (LogSource("synology", None, "system"), {"username": account, "said": body}) if tab else None


def _connection(text: str) -> Reading | None:
    """A sign-in: "User [a] from [192.0.2.1] signed in to [DSM] successfully via [password].": the user may hold all of that, so the last counts."""
    best: tuple[int, str, str | None, str] | None = None
    for words, outcome, action in _SAID:
        at = text.rfind("]" + words)
        if at > (best[0] if best else -1):
            best = at, words, outcome, action
    if best is None:
        return _shared_folder(text)
    at, words, outcome, action = best
    user, sign, origin = text[6:at].rpartition("] from [")
    if not sign:
        return None
    service, _, rest = text[at + 1 + len(words) :].partition("]")
    more: dict[str, object] = {"action": action, "application": service}
    if outcome == FAILURE:
        more["failure_reason"] = rest.rpartition(" due to ")[2].rstrip(".") or None
    return sign_in(_CONNECTION, outcome, user, _plain(origin), **more)


def _shared_folder(text: str) -> Reading | None:
    """A share opened: "User [a] from [192.0.2.1] via [CIFS(SMB3)] accessed shared folder [homes].": of a user who has signed in."""
    user, sign, rest = text[6:].partition("] from [")
    origin, _, rest = rest.partition("]")
    way, found, folder = rest.partition("]" + _ACCESSED)
    if not sign or not found:
        return None
    application = way.rpartition("[")[2]
    return sign_in(
        _CONNECTION, None, user, _plain(origin), action="access", application=application, share=folder.rstrip(".]")
    )


def _plain(origin: str) -> str:
    """An address; DSM may put the machine's name before it: "PC-7(192.0.2.1)"."""
    return origin.rpartition("(")[2].rstrip(")") if origin.endswith(")") else origin


def _host(text: str) -> Reading | None:
    """An address: "Host [192.0.2.1] was blocked via [SSH]."."""
    origin, _, rest = text[6:].partition("]")
    ip = address(_plain(origin))
    if ip is None:
        return None
    fields: Fields = {"src_ip": ip}
    if rest.startswith(" was blocked"):
        fields.update(action="blocked", blocked="true")
    elif rest.startswith(" failed to connect"):
        fields.update(action="connect", outcome=FAILURE)
    _, sign, service = rest.partition(" via [")
    if sign:
        fields["application"] = service.partition("]")[0]
    return _CONNECTION, fields


def _transfer(text: str) -> Reading | None:
    """A file: "Event: read, Path: /a, b, File/Folder: File, Size: 6.00 KB, User: anna, IP: 192.0.2.1": read from both ends, as the path
    may hold anything."""
    rest, sign, origin = text.rstrip().rpartition(", IP: ")
    rest, has_user, user = rest.rpartition(", User: ")
    if not sign or not has_user:
        return None
    rest, size = cut_last(rest, ", Size: ")
    rest, kind = cut_last(rest, ", File/Folder: ")
    event, found, path = rest.partition(", Path: ")
    if not found:
        return None
    event = event.rpartition("Event: ")[2]
    fields: Fields = {"action": event, "TargetFilename": path, "username": user, "size": size, "kind": kind}
    if ip := address(_plain(origin.strip())):
        fields["src_ip"] = ip
    return LogSource("synology", _CATEGORIES.get(event.lower()), "winfileservice"), fields


def read_pam(text: str) -> Reading | None:
    """A refusal: "pam_unix(webui:auth): authentication failure; … rhost=192.0.2.1 user=anna", of the program `synoscgi_SYNO.API.Auth…`."""
    head, sign, rest = text.partition("authentication failure;")
    if not sign or not head.startswith("pam_"):
        return None
    _, has_origin, tail = rest.partition(" rhost=")
    origin, _, user = tail.partition(" ")
    name = user.strip().removeprefix("user=").strip() or None
    return sign_in(_PAM, FAILURE, name, origin if has_origin else None, action="login")
