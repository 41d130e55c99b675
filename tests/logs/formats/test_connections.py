"""Tries that several lines of a connection to sshd tell together: each is one failure, and a flood costs what it may."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from beffroi.core.model import LogSource
from beffroi.detect.values import micros_of
from beffroi.logs.arrival import Form
from beffroi.logs.formats import connections
from beffroi.logs.formats.connections import Connection, Connections
from beffroi.logs.formats.normal import Context, Normalised
from beffroi.logs.formats.understood import normalise

NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
FROM = "from 203.0.113.9 port 4711"
PAM = "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9 "
Failure = tuple[Any, Any]


def read(line: str, pid: int = 7, after: int = 0, host: str = "nas", program: str = "sshd") -> Normalised:
    """A line `after` so many seconds."""
    stamp = (NOON + timedelta(seconds=after)).isoformat()
    [event] = normalise(Form.SYSLOG, f"<86>1 {stamp} {host} {program} {pid} - - {line}".encode(), Context(NOON, UTC))
    return event


def hear(memory: Connections, event: Normalised, source: str = "s-one") -> list[Normalised]:
    assert event.time is not None
    return memory.hear(source, event, micros_of(event.time))


def failures(*lines: str | Normalised, memory: Connections | None = None) -> list[Failure]:
    """(user, address) of each failure that these lines tell, one after the other."""
    memory = memory or Connections()
    events = [told for line in lines for told in hear(memory, read(line) if isinstance(line, str) else line)]
    return [
        (each.fields.get("username"), each.fields.get("src_ip"))
        for each in events
        if each.fields.get("outcome") == "failure"
    ]


def one(user: str | None = "anna", times: int = 1) -> list[Failure]:
    return [(user, "203.0.113.9")] * times


TOO_MANY = "Disconnecting: Too many authentication failures for anna [preauth]"
KEY = f"Failed publickey for anna {FROM} ssh2: RSA SHA256:x"
STORIES: dict[str, tuple[list[str], list[Failure]]] = {
    "an unknown user's password is refused": ([f"Invalid user admin {FROM}", f"Failed password for invalid user admin {FROM} ssh2"], one("admin")),
    "… twice": ([f"Invalid user admin {FROM}", *[f"Failed password for invalid user admin {FROM} ssh2"] * 2], one("admin", 2)),
    "… and the client first asks what there is": ([f"Invalid user admin {FROM}", f"Failed none for invalid user admin {FROM} ssh2", f"Failed password for invalid user admin {FROM} ssh2"], one("admin")),
    "an unknown user goes before any password": ([f"Invalid user admin {FROM}", f"Connection closed by invalid user admin {FROM[5:]} [preauth]"], one("admin")),
    "a password is refused, PAM says it too": ([f"{PAM} user=anna", f"Failed password for anna {FROM} ssh2", f"Connection closed by authenticating user anna {FROM[5:]} [preauth]"], one()),
    "PAM asks": ([f"error: PAM: Authentication failure for anna {FROM[:-10]}", f"Failed keyboard-interactive/pam for anna {FROM} ssh2"], one()),
    "PAM asks twice, and sshd says it only the second time": (["error: PAM: Authentication failure for anna from 203.0.113.9"] * 2 + [f"Failed keyboard-interactive/pam for anna {FROM} ssh2"], one(times=2)),
    "PAM asks an unknown user": ([f"Invalid user admin {FROM}", "error: PAM: User not known to the underlying authentication module for illegal user admin from 203.0.113.9", f"Failed keyboard-interactive/pam for invalid user admin {FROM} ssh2"], one("admin")),
    "PAM asks, then a password": (["error: PAM: Authentication failure for anna from 203.0.113.9", f"Failed password for anna {FROM} ssh2"], one(times=2)),
    "root may not come so": ([f"ROOT LOGIN REFUSED {FROM.upper().replace('PORT', 'port')}", f"Failed password for root {FROM} ssh2"], one("root")),
    "a scanner says good-bye": ([f"Failed password for root {FROM} ssh2", f"Received disconnect {FROM}:11: Bye Bye [preauth]"], one("root")),
    "a scanner says nothing but good-bye": ([f"Received disconnect {FROM}:11: Bye Bye [preauth]", f"Disconnected {FROM} [preauth]"], one(None)),
    "sent off after six passwords": ([*[f"Failed password for anna {FROM} ssh2"] * 6, f"error: maximum authentication attempts exceeded for anna {FROM} ssh2 [preauth]", f"Disconnecting authenticating user anna {FROM[5:]}: Too many authentication failures [preauth]"], one(times=6)),
    "sent off, and only that is written": ([f"error: maximum authentication attempts exceeded for anna {FROM} ssh2 [preauth]", f"Disconnecting authenticating user anna {FROM[5:]}: Too many authentication failures [preauth]"], one()),
    "keys are refused until none is left": ([KEY, KEY, f"Connection closed by authenticating user anna {FROM[5:]} [preauth]"], one()),
    "the third key fits": ([KEY, KEY, f"Postponed publickey for anna {FROM} ssh2 [preauth]", f"Accepted publickey for anna {FROM} ssh2: RSA SHA256:y", f"Connection closed by {FROM[5:]}"], []),
    "keys are refused, then a password": ([KEY, KEY, f"Failed password for anna {FROM} ssh2", f"Connection closed by authenticating user anna {FROM[5:]} [preauth]"], one()),
    "sent off, of old: the keys said whence": ([KEY, KEY, TOO_MANY, "Connection closed by 203.0.113.9 [preauth]"], one()),
    "sent off, of old: the connection said whence": ([f"Connection {FROM}", TOO_MANY], one()),
    "sent off, of old: the end says whence": ([TOO_MANY, "Connection closed by 203.0.113.9 [preauth]"], one()),
    "sent off, of old, after passwords": ([*[f"Failed password for anna {FROM} ssh2"] * 3, TOO_MANY], one(times=3)),
    "the second of two modules lets in": ([f"{PAM} user=anna", f"{PAM} user=anna", f"Accepted password for anna {FROM} ssh2"], []),
    "a directory writes the name in its own way": ([f"{PAM} user=anna", f"Accepted password for HOUSE\\Anna {FROM} ssh2"], []),
    "one does not get in, another does": ([f"{PAM} user=root", f"Accepted password for anna {FROM} ssh2"], one("root")),
    "one, another, and a third who gets in": ([f"{PAM} user=root", f"{PAM} user=admin", f"Accepted password for anna {FROM} ssh2"], one("root") + one("admin")),
    "gone while PAM waits": ([f"{PAM} user=anna", f"Connection reset by authenticating user anna {FROM[5:]} [preauth]"], one()),
    "the account's time is over": ([f"Failed password for anna {FROM} ssh2", "fatal: Access denied for user anna by PAM account configuration [preauth]"], one()),
    "a locked account": (["User anna not allowed because account is locked", f"Connection closed by {FROM[5:]} [preauth]"], one()),
    "nobody tries": ([f"Connection {FROM}", f"Did not receive identification string {FROM}"], []),
    "somebody works and goes": ([f"Accepted password for anna {FROM} ssh2", f"Received disconnect {FROM}:11: disconnected by user", f"Disconnected from user anna {FROM[5:]}"], []),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "wanted"), STORIES.values(), ids=STORIES)
def test_each_try_is_one_failure(lines: list[str], wanted: list[Failure]) -> None:
    assert failures(*lines) == wanted


@pytest.mark.parametrize(("lines", "_"), STORIES.values(), ids=STORIES)
def test_a_story_told_in_two_sittings_is_the_same(lines: list[str], _: object) -> None:
    """The state goes through JSON between any two lines, as when the service stops there."""
    memory = Connections()
    found = []
    for line in lines:
        found += failures(line, memory=memory)
        kept = msgspec.json.decode(
            msgspec.json.encode(memory.state()), type=list[tuple[tuple[str, str, str], Connection]]
        )
        memory = Connections()
        memory.restore(kept)
    assert found == failures(*lines)


def test_without_the_lines_before_a_line_says_what_it_says_alone() -> None:
    for line, alone in [
        (f"Failed password for invalid user admin {FROM} ssh2", one("admin")),
        (f"Received disconnect {FROM}:11: Bye Bye [preauth]", one(None)),
        (TOO_MANY, []),
        (KEY, []),
        (f"Connection closed by authenticating user anna {FROM[5:]} [preauth]", []),
        (f"Accepted password for anna {FROM} ssh2", []),
    ]:
        assert failures(line) == alone


def test_lines_that_come_out_of_order_are_never_fewer_failures() -> None:
    assert failures(f"Failed password for invalid user admin {FROM} ssh2", f"Invalid user admin {FROM}") == one(
        "admin", 2
    )
    assert failures(f"Failed password for anna {FROM} ssh2", f"{PAM} user=anna") == one()
    assert failures("Connection closed by 203.0.113.9 [preauth]", KEY, KEY) == []


@pytest.mark.parametrize(
    "other",
    [
        read("Connection closed by 203.0.113.9 [preauth]", pid=8),
        read("Connection closed by 203.0.113.9 [preauth]", host="pc"),
        read("Connection closed by 203.0.113.9 [preauth]", after=601),
        read("Connection closed by 203.0.113.9 [preauth]", after=-601),
        read("Connection closed by 198.51.100.1 [preauth]"),
        read("Connection closed by authenticating user anna 203.0.113.9 port 4712 [preauth]"),
        read("Connection closed by 203.0.113.9 [preauth]", program="other"),
    ],
)
def test_another_connection_is_not_blamed(other: Normalised) -> None:
    assert failures(KEY, other) == []
    assert failures(KEY, read("Connection closed by 203.0.113.9 [preauth]", after=599)) == one()


def test_another_source_is_not_blamed() -> None:
    memory = Connections()
    hear(memory, read(KEY))
    [told] = hear(memory, read("Connection closed by 203.0.113.9 [preauth]"), source="s-two")
    assert "outcome" not in told.fields


def test_a_process_number_that_comes_again_is_another_connection() -> None:
    assert (
        failures(f"Invalid user admin {FROM}", f"Connection from {FROM[5:]}", f"Failed password for anna {FROM} ssh2")
        == one("admin") + one()
    )


def test_what_a_line_tells_of_an_earlier_try_has_its_time_and_not_its_words() -> None:
    memory = Connections()
    hear(memory, read(f"{PAM} user=root"))
    accepted = read(f"Accepted password for anna {FROM} ssh2", after=3)
    itself, earlier = hear(memory, accepted)
    assert itself == accepted
    assert (earlier.time, earlier.host, earlier.logsource) == (accepted.time, "nas", LogSource("linux", None, "sshd"))
    assert earlier.fields == {
        "outcome": "failure", "username": "root", "src_ip": "203.0.113.9", "src_port": 4711, "action": "login", "failure_reason": "authentication failure",
        "hostname": "nas", "program": "sshd",
    }  # fmt: skip
    [turned] = hear(Connections(), read(f"{PAM} user=root"))
    assert (turned.fields["failure_reason"], "outcome" in turned.fields) == ("authentication failure", False)


def test_a_line_that_ends_a_connection_keeps_its_words() -> None:
    memory = Connections()
    hear(memory, read(KEY))
    [told] = hear(memory, read("Connection closed by 203.0.113.9 [preauth]"))
    assert told.fields["message"] == "Connection closed by 203.0.113.9 [preauth]"
    assert (told.fields["failure_reason"], told.fields["src_port"], told.fields["username"]) == (
        "Failed publickey",
        4711,
        "anna",
    )


def test_a_line_that_stands_for_several_tells_each() -> None:
    line = f"message repeated 5 times: [ Failed password for root {FROM} ssh2]"
    memory = Connections()
    told = hear(memory, read(line))
    assert [each.fields["outcome"] for each in told] == ["failure"] * 5
    assert [each.fields.get("message") for each in told] == [line] + [None] * 4
    many = line.replace("5", "999999", 1)
    assert len(hear(memory, read(many))) == connections.REPEATS
    assert len(hear(memory, read(many.replace("999999", "0")))) == 1


def test_passwords_that_sudo_sums_up_are_told_one_by_one() -> None:
    line = "anna : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"
    told = hear(Connections(), read(line, program="sudo"))
    assert [(each.fields["username"], each.fields["outcome"], each.fields.get("message")) for each in told] == [
        ("anna", "failure", line), ("anna", "failure", None), ("anna", "failure", None)
    ]  # fmt: skip
    [told_once] = hear(
        Connections(),
        read(line.replace("3 incorrect password attempts", "1 incorrect password attempt"), program="sudo"),
    )
    assert told_once.fields["outcome"] == "failure"


def test_a_million_strangers_are_forgotten_one_after_the_other() -> None:
    memory = Connections()
    strangers = [
        read(f"Invalid user {'x' * 5_000} {FROM}", pid=pid, host="h" * 255) for pid in range(connections.ENTRIES + 500)
    ]
    for stranger in strangers:
        hear(memory, stranger)
    assert len(memory.state()) == connections.ENTRIES
    assert memory.state()[0][0][2] == "500"
    assert len(msgspec.json.encode(memory.state())) < 2 << 20
    hear(memory, read(KEY))
    for stranger in strangers[: connections.ENTRIES // 2]:
        hear(memory, stranger)
    hear(memory, read(KEY))  # whoever was heard of lately stays
    for stranger in strangers[: connections.ENTRIES - 1]:
        hear(memory, stranger)
    assert failures("Connection closed by 203.0.113.9 [preauth]", memory=memory) == one()
    for stranger in strangers:
        hear(memory, read("Connection closed by 203.0.113.9 [preauth]", pid=int(stranger.pid or 0), host="h" * 255))
    assert memory.state() == []


def test_what_a_shipper_writes_in_our_fields_breaks_nothing() -> None:
    memory = Connections()
    for odd in (["x"], {"a": 1}, 7, None, 1 << 70, "x" * 5_000, True):
        event = read(KEY)
        for name in (
            "failure_reason",
            "username",
            "src_ip",
            "src_host",
            "src_port",
            "method",
            "action",
            "outcome",
            "program",
            "repeated",
            "phase",
        ):
            hear(memory, event._replace(fields={**event.fields, name: odd}))
    kept = msgspec.json.decode(msgspec.json.encode(memory.state()), type=list[tuple[tuple[str, str, str], Connection]])
    assert kept == memory.state()


SAID = sorted({line for lines, _ in STORIES.values() for line in lines})


@hypothesis.given(st.lists(st.sampled_from(SAID), max_size=12))
def test_the_same_lines_tell_the_same_and_never_more_than_one_try_each(lines: list[str]) -> None:
    found = failures(*lines)
    assert found == failures(*lines)
    assert len(found) <= len(lines)


def test_a_password_attack_is_counted_try_by_try(corpus: Path) -> None:
    """A real one (loghub's OpenSSH): as many failures as passwords were refused, and those unknown names that came without one."""
    raw = (corpus / "syslog/loghub/OpenSSH/OpenSSH_2k.log").read_bytes().splitlines()
    events = [normalise(Form.LINE, line, Context(NOON, UTC))[0] for line in raw]
    passwords = [
        (event.pid, event.fields.get("src_ip"))
        for event in events
        if event.fields.get("method") == "password" and event.fields.get("outcome") == "failure"
        for _ in range(int(event.fields.get("repeated", 1)))
    ]
    named = {
        (event.pid, event.fields.get("src_ip"))
        for event in events
        if str(event.fields["message"]).startswith("Invalid user")
    }
    found = failures(*events)
    assert len(passwords) > 500
    assert len(found) == len(passwords) + len(named - set(passwords))
    assert all(address for _, address in found)
