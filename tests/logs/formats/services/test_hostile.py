"""Lines as an attacker would have them: any text gives a reading or none, in time that grows as the text does."""

import time
from datetime import UTC, datetime

import hypothesis
import pytest
from hypothesis import strategies as st

from beffroi.core.model import LogSource, UnfitError
from beffroi.logs.arrival import Form
from beffroi.logs.formats import services
from beffroi.logs.formats.common import Reader
from beffroi.logs.formats.normal import Context
from beffroi.logs.formats.services import web
from beffroi.logs.formats.understood import normalise
from tests.logs.formats.appliances.test_hostile import check
from tests.logs.formats.services.test_sign_ins import FORGERIES
from tests.logs.formats.services.test_sign_ins import LINES as KNOWN

NOW = Context(datetime(2026, 3, 4, tzinfo=UTC), UTC)
LONG = 65_536
READERS: list[Reader] = sorted(
    services.READERS | {services.of_text, web.read_nginx_error, web.read_access},
    key=lambda reader: (reader.__module__, reader.__qualname__),
)
WORDS = [
    " from 192.0.2.1", " from 192.0.2.1 port 22 ssh2", " from 192.0.2.1 port 22 ssh2: x", " port 22", "Failed password for ", "invalid user ", "Disconnecting invalid user ",
    " 192.0.2.1 port 1: Change of username or service not allowed", "error: PAM: x for ", " for ", " via x", "User ", " not allowed because x",
    "Received disconnect from 192.0.2.1: 11: ", "Connection closed by user ", "maximum authentication attempts exceeded for ", " [preauth]",
    "Disconnecting: Too many authentication failures for ", "Access denied for user ", " by PAM account configuration", "User x not allowed because shell ", " does not exist",
    "Bad protocol version identification ", "Unable to negotiate with 192.0.2.1 port 1: ", "banner exchange: Connection from ", "Timeout before authentication for ", "drop connection #1 from [", "]:1 on [",
    "PAM 2 more authentication failures; logname= ruser=", "pam_access(x:account): access denied for user `", "' from `", "pam_winbind(x:auth): user '", "' denied access (", "pam_x(x:auth): received for user ",
    "New session '", "' of user '", "' with class '", "Bad password attempt for '", "' from 192.0.2.1:1", "Exit before auth (user '", "', 1 fails): Max auth tries reached", "Password auth succeeded for '",
    "pam_unix(x:auth): authentication failure; logname= uid=0 euid=0 tty= ruser=", " rhost=x", "  user=x", "logname= ", "pam_unix(x:session): session opened for user x by ",
    "FAILED LOGIN 1 on 'tty' FOR '", "', ", "anna : ", " ; ", "TTY=x", "COMMAND=", "imap-login: Disconnected (auth failed): user=<", ">, method=", " rip=192.0.2.1", ", session=<x>",
    "pam(", "auth(", ",192.0.2.1): unknown user", ",192.0.2.1,sasl:login)<x>: Info: sql: unknown user", "(given password: ", "warning: a[192.0.2.1]: SASL LOGIN authentication failed: ",
    ", sasl_username=", "NOQUEUE: reject: RCPT from a[192.0.2.1]: ", "; from=<", "> to=<", "x authenticator failed for ", "(x) [192.0.2.1]:1: 535 ", " (set_id=", "H=a (b) [192.0.2.1]:1 ", " F=<a> ", "rejected RCPT <",
    "abcdefghijklmnop <= a ", " A=x:y", "a: AUTH failure (x): ", ", user=", ", relay=[192.0.2.1]", "LOGIN, user=", ", ip=[192.0.2.1]", "nas (pc[192.0.2.1]) - ", "USER ", ": no such user found from a [b] to c:21", " (Login failed): ", ": Login successful",
    "[x] OK LOGIN: ", '] FAIL LOGIN: Client "192.0.2.1"', ', "', "(?@192.0.2.1) [WARNING] ", "Authentication failed for user [", "a/192.0.2.1:1 ", "[a] Peer Connection Initiated with [AF_INET]", "TLS Error: ", "TLS: Username/Password authentication succeeded for username '",
    "wireguard: wg0: ", "from peer 1 (192.0.2.1:1)", "09[IKE] <a|1> ", "authentication of '", "' with x successful", "tried 1 shared key for 'a' - '", "', but MAC mismatched", "IKE_SA a established between 192.0.2.1[", "]...192.0.2.2[",
    '"a"[1] 192.0.2.1 #1: ', "XAUTH: User ", ": Authentication Successful", "192.0.2.1 - ", "[04/Mar/2026:10:11:12 +0100] ", '] "', '"GET / HTTP/1.1" ', "200 1 ", '\\"', "[error] 7#7: *1 ", ", client: 192.0.2.1, server: ", 'user "', '": password mismatch', '" was not found in "', ', referrer: "', "PAM: user '", "' - not authenticated: ",
    "[auth_basic:error] [pid 1] [client 192.0.2.1:1] ", "user ", " not found", ': authentication failure for "', "Password Mismatch", "Authorization of user ", " to access ", " failed, reason: ", "invalid nonce ", " received - ",
    "type=EXECVE msg=audit(1.0:1): ", "a0=", "6162", " x=y", "msg='", "\x1d", "node=a ", "\\", '"', "'", "(", ")", "[", "]", "<", ">", " ", ": ", ",", "\n", "\0", "A", "9", "٣", "\ufffd", "::ffff:192.0.2.1", "99999999999",
]  # fmt: skip
LINES = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=24).map("".join)


@pytest.mark.slow
@hypothesis.given(LINES)
def test_any_line_gives_a_reading_or_none(text: str) -> None:
    for reader in READERS:
        reading = reader(text)
        if reading is not None:
            assert isinstance(reading[0], LogSource)
            check(reading[1])
            services.stated(*reading)


@hypothesis.given(
    st.sampled_from(sorted(services.PROGRAMS)),
    LINES,
    st.sampled_from(
        [
            "",
            "Mar  4 10:11:12 nas ",
            "[Wed Mar 04 10:11:12 2026] ",
            "2026-03-04 10:11:12 ",
            "@400000004c91b044077a9e94 ",
        ]
    ),
)
def test_any_line_is_an_event_or_unfit(program: str, text: str, header: str) -> None:
    for line in (f"{header}{program}: {text}", header + text):
        try:
            [found] = normalise(Form.LINE, line.encode("utf-8", "replace"), NOW)
        except UnfitError:
            continue
        check(found.fields)


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40) | st.lists(
    st.sampled_from(WORDS), max_size=4
).map("".join)


@hypothesis.given(st.sampled_from(sorted(KNOWN)), NAMES)
def test_a_users_name_makes_nobody_else_the_one_who_came(name: str, user: str) -> None:
    """The name in every sentence, the forged address in it: where the reader says whence, it is the daemon's word."""
    program, text, wanted = KNOWN[name]
    if wanted[1] != "anna":
        return
    forged = (
        user.replace("192.0.2.1", "198.51.100.66")
        .replace("192.0.2.2", "198.51.100.66")
        .replace("\\", "")
        .replace('"', "")
    )
    if program in {"nginx", "apache2", "httpd/site"}:
        forged = forged.replace(":", "")  # a name in HTTP's Basic scheme ends at its first colon
    reading = services.read(program, text.replace("anna", forged))
    if reading is not None:
        assert reading[1].get("src_ip") != "198.51.100.66"


@pytest.mark.slow
@pytest.mark.parametrize(
    "reader", READERS, ids=lambda reader: f"{reader.__module__.rpartition('.')[2]}.{reader.__name__}"
)
def test_a_long_line_takes_no_longer_than_its_length(reader: Reader) -> None:
    """Every word behind every beginning, and two in turn, for 64 KiB: quadratic time would take minutes."""
    starts = [
        "",
        *(word for word in WORDS if len(word) > 5),
        *(line.split("{}")[0] for _, line, _ in FORGERIES.values()),
    ]
    slowest, worst = 0.0, ""
    for word in WORDS:
        for start in starts:
            text = (start + word * (LONG // len(word)))[:LONG]
            begin = time.process_time()
            reader(text)
            spent = time.process_time() - begin
            if spent > slowest:
                slowest, worst = spent, f"{start!r} {word!r}"
    assert slowest < 0.5, worst
