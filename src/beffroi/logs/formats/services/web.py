r"""Web servers' access and error lines (nginx, Apache, and what writes the same), under Sigma's names for `webserver`.

The access line is Apache's common or combined format (mod_log_config), which nginx takes over: both escape a quote within a value (`\"`,
`\x22`), so the first `] "` behind the address begins the request. Error lines: nginx's ngx_http_log_error_handler, Apache's
ErrorLogFormat. nginx writes user, request, host and referrer as they came; any of them may hold another `client:`.
"""

import re
from typing import Final

from beffroi.core.model import Fields, LogSource
from beffroi.logs.formats.common import FAILURE, SUCCESS, Reading, address, endpoint, number, sign_in

_ACCESS = re.compile(
    r"(?:([\w.:-]{1,255}) (?=[0-9A-Za-z:]\S{0,254} - ))?([0-9A-Za-z:][\w.:-]{0,254}) (\S{1,255}) ((?:[^\"\\]|\\.){1,1024}?) "
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"((?:[^"\\]|\\.)*)" (\d{3}) (\d{1,20}|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?'
)
_PROXY = re.compile(  # nginx proxy manager
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] (?:(?:[A-Z-]{1,16} )?(\d{3}|-) (?:\d{3}|-) |(?:\d{3}|-) - )?(?:- )?(\S{1,16}) (https?) (\S{1,255}) "
    r'"((?:[^"\\]|\\.)*)" \[Client ([0-9A-Fa-f.:]{2,45})\] \[Length (\d{1,20}|-)\] \[Gzip \S{1,16}\](?: \[Sent-to \S{1,255}\])? "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"'
)
_SHORT = re.compile(
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] (\S{1,255}) ([0-9A-Fa-f.:]{2,45}) \d{1,9}\.\d{1,6} "
    r'"((?:[^"\\]|\\.)*)" (\d{3}) (\d{1,20}|-) \d{1,20} (\S{1,2048}) (.*)'
)
_REQUEST = re.compile(r"([A-Za-z_-]{1,32}) (\S+)(?: (HTTP/\d(?:\.\d)?))?\Z")


def read_access(text: str, name: str | None = None) -> Reading | None:
    """An access line; `name` is the program's, where it is known. None for other lines."""
    found = _ACCESS.match(text)
    if found is None:
        return _proxied(text)
    vhost, client, _, user, when, request, status, size, referer, agent = found.groups()
    fields: Fields = {"c-ip": address(client) or client, "sc-status": int(status), "time": when}
    if ip := address(client):
        fields["src_ip"] = ip
    if user != "-":
        fields["cs-username"] = fields["username"] = user
    _requested(fields, request)
    for field, value in (("cs-host", vhost), ("cs-referer", referer), ("cs-user-agent", agent)):
        if value and value != "-":
            fields[field] = value
    if (length := number(size)) is not None:
        fields["sc-bytes"] = length
    return LogSource(None, "webserver", name), fields


def _proxied(text: str) -> Reading | None:
    if text[:1] != "[":
        return None
    found = _PROXY.match(text)
    if found is None:
        return _short(text)
    when, status, method, scheme, host, uri, client, size, agent, referer = found.groups()
    status = status or text[found.end(1) + 2 : found.end(1) + 5]
    fields: Fields = {
        "c-ip": address(client),
        "src_ip": address(client),
        "time": when,
        "cs-method": method,
        "cs-host": host,
        "cs-protocol": scheme,
    }
    if code := number(status):
        fields["sc-status"] = code
    _address(fields, uri)
    for field, value in (("cs-referer", referer), ("cs-user-agent", agent)):
        if value and value != "-":
            fields[field] = value
    if (length := number(size)) is not None:
        fields["sc-bytes"] = length
    return LogSource(None, "webserver", "nginx"), fields


def _short(text: str) -> Reading | None:
    """An access line that begins with its time, then host, client and how long it took."""
    found = _SHORT.match(text)
    if found is None:
        return None
    when, host, client, request, status, size, referer, agent = found.groups()
    fields: Fields = {"c-ip": address(client), "src_ip": address(client), "time": when, "sc-status": int(status)}
    _requested(fields, request)
    for field, value in (("cs-host", host), ("cs-referer", referer), ("cs-user-agent", agent)):
        if value not in {"", "-", "_"}:
            fields[field] = value
    if (length := number(size)) is not None:
        fields["sc-bytes"] = length
    return LogSource(None, "webserver", "nginx"), fields


def _requested(fields: Fields, request: str) -> None:
    """Method, path and query of a request line; one that is no HTTP stays whole as `c-uri`."""
    if found := _REQUEST.match(request):
        fields["cs-method"] = found[1]
        if found[3]:
            fields["cs-version"] = found[3]
        _address(fields, found[2])
    elif request and request != "-":
        fields["c-uri"] = request


def _address(fields: Fields, uri: str) -> None:
    """W3C's `cs-uri-query` is what stands behind the `?`, but Sigma's rules for web servers look for paths in it (67 of 86 do): it is the
    whole, which holds what they look for either way."""
    fields["c-uri"] = fields["cs-uri-query"] = uri
    fields["cs-uri-stem"] = uri.partition("?")[0]


_NGINX_ERROR = re.compile(
    r"(?:\S{1,255} nginx: )?(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?\[(debug|info|notice|warn|error|crit|alert|emerg)\] \d{1,10}#\d{1,10}: (?:\*\d{1,20} )?"
)
_NGINX_CLIENT = re.compile(r", client: ([0-9A-Fa-f.:]{2,45}|unix:)(?: using starttls)?(?=, server: )")
_NGINX_MAIL_CLIENT = re.compile(r"client ([0-9A-Fa-f.:]{2,45}):(\d{1,5}) connected to (\S{1,64})")
_MISMATCH, _NOT_FOUND = '": password mismatch', ' was not found in "'
_NGINX_PAM = re.compile(r"PAM: user '(.*)' - not authenticated: (.{1,200})\Z", re.DOTALL)
_NGINX_MAIL = re.compile(r'client login failed: "(.*)" while in http auth state\Z', re.DOTALL)
_NGINX_LOGIN = re.compile(r', login: "([^"]{1,320})"')
_NGINX_REQUEST = re.compile(r', request: "([^"]*)"')
MOST = 64  # places that are looked at in one line


def read_nginx(text: str) -> Reading | None:
    """A line of nginx's, access or error."""
    return read_nginx_error(text) or read_access(text, "nginx")


def read_nginx_error(text: str) -> Reading | None:
    """A line of nginx's error log; None for others."""
    found = _NGINX_ERROR.match(text)
    return None if found is None else _nginx_error(text[found.end() :].rstrip(), found[1])


def _nginx_error(text: str, level: str) -> Reading:
    """The message ends where its client begins. Of several, the first is nginx's where the message names a user, for a name in HTTP's
    Basic scheme has no colon (RFC 7617, 2). In others a path may stand before, so the last is; where a referrer stands before that, it may
    be the visitor's own, and no address is given."""
    source = LogSource(None, None, "nginx")
    if told := _NGINX_MAIL_CLIENT.match(text):
        ip, port = endpoint(told[3])
        return sign_in(
            source,
            None,
            None,
            told[1],
            src_port=number(told[2]),
            dst_ip=ip,
            dst_port=port,
            action="connect",
            application="mail",
            severity=level,
        )
    places = [one for one, _ in zip(_NGINX_CLIENT.finditer(text), range(MOST), strict=False)]
    if not places:
        return source, {"severity": level, "said": text}
    basic = text.startswith(('user "', "PAM: user '"))
    last = places[0] if basic else places[-1]
    between = text[places[0].end() : last.start()]
    forged = len({one[1] for one in places}) > 1 and (len(places) == MOST or 'referrer: "' in between) and not basic
    said = text[: (places[0] if forged else last).start()]
    origin = None if forged else last[1]
    fields: Fields = {"severity": level, "said": said}
    if asked := _NGINX_REQUEST.search(text, last.end()):
        _requested(fields, asked[1])
    if said.startswith('user "'):
        if said.endswith(_MISMATCH):
            user, reason = said[6 : -len(_MISMATCH)], "password mismatch"
        else:
            user, reason = (
                said[6:].rpartition(_NOT_FOUND)[0].removesuffix(":").removesuffix('"'),
                "user was not found" if _NOT_FOUND in said else "",
            )
        if reason:
            return sign_in(
                source, FAILURE, user, origin, **fields, failure_reason=reason, action="login", method="basic"
            )
    if told := _NGINX_PAM.match(said):
        fields |= {"failure_reason": told[2], "action": "login", "method": "PAM"}
        return sign_in(source, FAILURE, told[1], origin, **fields)
    if said == "client logged in":
        login = _NGINX_LOGIN.search(text, last.end())
        fields |= {"application": "mail", "action": "login"}
        return sign_in(source, SUCCESS if login else None, login[1] if login else None, origin, **fields)
    if told := _NGINX_MAIL.match(said):
        login = _NGINX_LOGIN.search(text, last.end())
        fields |= {"failure_reason": told[1], "action": "login", "application": "mail"}
        return sign_in(source, FAILURE, login[1] if login else None, origin, **fields)
    if text.find(", login: ", last.end()) >= 0 or "resolving client address" in said:
        fields["application"] = "mail"
    return sign_in(source, None, None, origin, **fields)


_APACHE = re.compile(
    r"(?:\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{4}\] )?"
    r"\[(?:([\w.]{0,40}):)?(emerg|alert|crit|error|warn|notice|info|debug|trace\d)\] "
    r"(?:\[pid \d{1,10}(?::tid \d{1,20})?\] )?(?:\[(?:client|remote) ([0-9A-Fa-f.:\[\]]{2,64})\] )?(?:(AH\d{5}): )?"
)
_APACHE_FAILURES: Final = (
    ("user `", "' in realm `", "' not found"),
    ("user ", ': authentication failure for "', "Password Mismatch"),
    ("user ", ': authorization failure for "', ""),
    ("user ", ": password mismatch: ", ""),
    ("user ", " not found", ""),
    ("Authorization of user ", " to access ", " failed, reason: "),
)
"""What stands before the user, right behind it, and later."""
_APACHE_SAID: Final = ("client denied by server configuration: ", "client used wrong authentication scheme: ", "invalid qop `", "realm mismatch - got `", "unknown algorithm `",
                       "Hostname ", "No hostname was provided via SNI for a name based virtual host")  # fmt: skip
_NONCE = re.compile(r"invalid nonce .* received - (?:length is not|user attempted time travel)", re.DOTALL)
_SNI = {"AH02031", "AH02032", "AH02033"}


def read_apache(text: str) -> Reading | None:
    """A line of Apache's, access or error. Every part of an error's sentence but its beginning may be a visitor's."""
    found = _APACHE.match(text) if text[:1] == "[" else None
    if found is None:
        return read_access(text, "apache")
    module, level, client, code = found.groups()
    said = text[found.end() :].rstrip()
    source = LogSource(None, None, "apache")
    if client is None:
        return source, {"severity": level, "said": said}
    origin, port = (client, None) if address(client) else endpoint(client)
    said, _, referer = said.partition(", referer: ")
    fields: Fields = {
        "severity": level,
        "module": module or None,
        "event_id": code,
        "src_port": port,
        "cs-referer": referer or None,
    }
    plain = said.removeprefix("Digest: ")
    if plain.startswith(("user ", "Authorization of user ")):
        for before, behind, later in _APACHE_FAILURES:
            user, sign, tail = plain[len(before) :].partition(behind)
            if plain.startswith(before) and sign and later in tail:
                return sign_in(source, FAILURE, user, origin, action="login", failure_reason=said, **fields)
    if module != "evasive20" and (
        (plain.startswith(_APACHE_SAID) and (plain[:9] != "Hostname " or code in _SNI)) or _NONCE.match(plain)
    ):
        return sign_in(source, FAILURE, None, origin, action="login", failure_reason=said, **fields)
    return sign_in(source, None, None, origin, said=said, **fields)
