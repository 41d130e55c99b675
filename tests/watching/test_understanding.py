"""What arrivals mean: every form, the identity of events, what correlations remember, and that no message stops the watch."""

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.formats import labelled, told

from beffroi.core.model import Assurance, LogSource
from beffroi.detect.matcher import Matcher
from beffroi.incidents import Normals
from beffroi.incidents.filters import Match, choose, written
from beffroi.logs.arrival import Arrival, Form
from beffroi.logs.formats import understood
from beffroi.logs.formats.connections import Connections
from beffroi.rules.repository import load
from beffroi.watching import understanding
from beffroi.watching.suspicion import Culprit
from beffroi.watching.understanding import Found, Neighbour, Understander, Understood
from tests.watching.watch import (
    BRUSSELS,
    DOOR,
    FAILED,
    MANY,
    MINUTE,
    NOON,
    REFUSED,
    RULES,
    SHADOWS,
    arrival,
    failed,
    iso,
    rules,
    shadows,
    understander,
    windows,
)

TOKEN = "0123456789abcdef" * 2


@pytest.fixture
def watch(tmp_path: Path) -> Understander:
    return understander(tmp_path / "rules")


def of(watch: Understander, *arrivals: Arrival, start: int = 0) -> Understood:
    return watch.understand([(start + 100 * (number + 1), each) for number, each in enumerate(arrivals)])


def xml() -> bytes:
    return (
        b'<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        b'<Provider Name="Microsoft-Windows-Security-Auditing"/><EventID>4688</EventID><Channel>Security</Channel>'
        b"<Computer>PC-ACCUEIL</Computer><EventRecordID>1</EventRecordID>"
        b'<TimeCreated SystemTime="' + iso(NOON).encode() + b'"/></System>'
        b'<EventData><Data Name="CommandLine">vssadmin delete shadows</Data></EventData></Event>'
    )


DOCUMENT = shadows(1)
LINE = "<86>Nov 25 12:00:00 nas doord[1]: the door is open"


@pytest.mark.parametrize(
    ("form", "message", "rule"),
    [
        (Form.WINDOWS, DOCUMENT, SHADOWS),
        (Form.WINDOWS, xml(), SHADOWS),
        (Form.JSON, DOCUMENT, SHADOWS),
        (Form.JSON, json.dumps({"message": LINE}).encode(), DOOR),
        (Form.HEC, json.dumps({"event": json.loads(DOCUMENT)}).encode(), SHADOWS),
        (Form.HEC, json.dumps({"event": LINE}).encode(), DOOR),
        (Form.OTLP, json.dumps({"resource": {}, "scope": {}, "record": {"body": LINE}}).encode(), DOOR),
        (Form.OTLP, json.dumps({"resource": {}, "scope": {}, "record": {"body": json.loads(DOCUMENT)}}).encode(), SHADOWS),
        (Form.SYSLOG, LINE.encode(), DOOR),
        (Form.JOURNALD, json.dumps({"MESSAGE": "the door is open", "SYSLOG_FACILITY": "10"}).encode(), DOOR),
    ],
)  # fmt: skip
def test_every_form_gives_its_match(watch: Understander, form: Form, message: bytes, rule: str) -> None:
    result = of(watch, arrival(message, form=form))
    assert [each.rule for each in result.found] == [rule]
    assert result.found[0].source == "s-one"
    assert result.position == 100
    assert result.seen["s-one"].unread == 0


SALT = """
title: Salt
id: 11111111-2222-4333-8444-000000000009
logsource: {product: windows, service: security}
detection:
    keywords: ['salt & pepper']
    condition: keywords
level: low
"""
SALTED = (
    b"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P'/><EventID>1</EventID>"
    b"<Channel>Security</Channel><Computer>PC</Computer></System><EventData><Data Name='a'>salt &amp; pepper</Data></EventData></Event>"
)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        pytest.param(Form.WINDOWS, windows(1, a="Salt & Pepper"), id="JSON"),
        pytest.param(Form.JSON, windows(1, a="Salt & Pepper"), id="JSON of _bulk"),
        pytest.param(Form.JSON, windows(1, a="Salt & Pepper").replace(b"&", rb"\u0026"), id="escaped"),
        pytest.param(Form.WINDOWS, SALTED, id="XML"),
        pytest.param(Form.WINDOWS, json.dumps({"System": SALTED.decode()}).encode(), id="XML in JSON"),
        pytest.param(Form.JSON, json.dumps({"message": SALTED.decode()}).encode(), id="XML in JSON of _bulk"),
        pytest.param(Form.SYSLOG, b"<14>Nov 25 12:00:00 h nxlog: " + windows(1, a="salt & pepper"), id="JSON in syslog"),
    ],
)  # fmt: skip
def test_a_keyword_is_found_in_the_values_however_the_message_writes_them(
    tmp_path: Path, form: Form, message: bytes
) -> None:
    understood = understander(tmp_path, SALT).understand([(1, arrival(message, form=form))])
    assert [found.title for found in understood.found] == ["Salt"]


def test_a_line_of_a_file_is_what_a_person_said_it_is(watch: Understander) -> None:
    result = of(watch, arrival(b"the door is open", form=Form.LINE, stated="product=linux,service=auth"))
    assert [each.rule for each in result.found] == [DOOR]
    assert of(watch, arrival(b"the door is open", form=Form.LINE)).found == []


def test_the_same_event_has_the_same_identity_wherever_it_comes_again(watch: Understander) -> None:
    first, second = of(watch, arrival(shadows(1)), arrival(shadows(2), shadows(1))).found[0::2]
    assert first.identity == second.identity
    assert first.position != second.position
    stranger = of(watch, arrival(shadows(1), source="s-two")).found[0]
    assert stranger.identity != first.identity  # nobody passes for another sender's event


def test_an_id_that_the_sender_gives_counts_where_the_event_has_none(watch: Understander) -> None:
    line = LINE.encode()
    found = of(watch, arrival(line, line, line, form=Form.SYSLOG, ids=["a", "b", "a"])).found
    assert [each.identity for each in found] == ["s-one\x1fa", "s-one\x1fb", "s-one\x1fa"]
    assert of(watch, arrival(line, form=Form.SYSLOG)).found[0].identity is None


def test_a_correlation_goes_on_from_its_state(tmp_path: Path, watch: Understander) -> None:
    assert of(watch, arrival(failed(1), failed(2, NOON + MINUTE))).found == []
    after = understander(tmp_path / "rules")
    assert after.restore(watch.state())
    found = (
        of(after, arrival(failed(3, NOON + 2 * MINUTE)), start=500).found + after.settle(600, NOON + 20 * MINUTE).found
    )
    assert [each.rule for each in found] == [MANY]
    assert len(found[0].events or ()) == 3
    assert found[0].fields == {"IpAddress": "203.0.113.9"}
    forgetful = understander(tmp_path / "rules")
    assert not forgetful.restore(b"no state")
    assert of(forgetful, arrival(failed(3, NOON + 2 * MINUTE))).found == []


PAM = b"<86>Nov 25 12:00:00 nas sshd[7]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root"
ACCEPTED = b"<86>Nov 25 12:00:01 nas sshd[7]: Accepted password for anna from 203.0.113.9 port 4711 ssh2"
INVALID = b"<86>Nov 25 12:00:00 nas sshd[8]: Invalid user admin from 203.0.113.9 port 4712"
TRIED = {"outcome": "failure", "hostname": "nas", "username": "admin", "src_ip": "203.0.113.9"}
WRONG = b"<86>Nov 25 12:00:02 nas sshd[8]: Failed password for invalid user admin from 203.0.113.9 port 4712 ssh2"


def test_what_lines_tell_together_is_understood_alike_after_a_crash(tmp_path: Path, watch: Understander) -> None:
    """The batches are cut otherwise the second time, from the state at which it stopped."""
    first = of(watch, arrival(PAM, INVALID, form=Form.SYSLOG))
    assert [(each.rule, each.place, each.fields) for each in first.found] == [(REFUSED, 1, TRIED)]
    state = watch.state()
    last = arrival(ACCEPTED, WRONG, form=Form.SYSLOG, ids=["a", "b"])
    once = of(watch, last, arrival(b"x", form=Form.SYSLOG), start=500).found
    assert [(each.rule, each.position, each.place) for each in once] == [(REFUSED, 600, 0)]
    after = understander(tmp_path / "rules")
    assert after.restore(state)
    assert of(after, last, start=500).found == once
    forgetful = of(understander(tmp_path / "rules"), last, start=500).found  # it knows one line at a time
    assert [(each.place, each.identity) for each in forgetful] == [(1, "s-one\x1fb")]
    assert once[0].identity not in ("s-one\x1fa", "s-one\x1fb", None)


def test_what_a_line_tells_of_another_try_is_known_by_its_place_where_it_has_no_identity(watch: Understander) -> None:
    repeated = b"<86>Nov 25 12:00:00 nas sshd[9]: message repeated 3 times: [ Failed password for anna from 203.0.113.9 port 4713 ssh2]"
    found = of(watch, arrival(b"x", repeated, form=Form.SYSLOG)).found
    assert [each.place for each in found] == [1, 1, 1]
    assert [each.identity for each in found] == [None, "s-one\x1f100\x1f1\x1f1", "s-one\x1f100\x1f1\x1f2"]


def test_the_watch_finds_the_failures_that_the_benchmark_counts(corpus: Path, watch: Understander) -> None:
    lines = [line for line, _ in labelled(corpus / "syslog/fail2ban-samples/sshd")]
    memory = Connections()
    wanted = [
        place
        for place, line in enumerate(lines)
        for said in told(line, memory)
        if said.failed and said.source and said.source.service == "sshd"
    ]
    assert len(wanted) > 50
    found = of(watch, arrival(*(line.encode() for line in lines), form=Form.LINE)).found
    assert sorted(each.place for each in found if each.rule == REFUSED) == wanted


@pytest.mark.parametrize(("lateness", "found", "late"), [(60, [], 2), (1_200, [MANY], 0)])
def test_late_events_count_within_the_lateness_that_was_set(
    lateness: int, found: list[str], late: int, tmp_path: Path
) -> None:
    watch = understander(tmp_path / "rules", lateness=lateness)
    result = of(watch, arrival(failed(1), failed(2, NOON - 9 * MINUTE), failed(3, NOON - 8 * MINUTE)))
    assert [each.rule for each in [*result.found, *watch.settle(500, NOON + 20 * MINUTE).found]] == found
    assert watch.uncounted["too_late"] == late


def test_what_one_log_told_before_is_not_late_because_another_goes_on(tmp_path: Path) -> None:
    """After a night in which nothing was understood, one batch of arrivals spans hours."""
    often = f"---\ntitle: Doors\nid: {'1' * 8}-2222-4333-8444-000000000099\nlevel: low\ncorrelation:\n    type: event_count\n    rules: [{DOOR}]\n"
    watch = understander(
        tmp_path / "rules", f"{RULES}{often}    group-by: [hostname]\n    timespan: 1m\n    condition: {{gte: 9}}\n"
    )

    def opened(at: int) -> Arrival:
        return arrival(f"<86>1 {iso(at)} nas doord 1 - - the door is open".encode(), form=Form.SYSLOG, arrived=at)

    tried = [arrival(failed(number, NOON + number * MINUTE), arrived=NOON + number * MINUTE) for number in (1, 2, 3)]
    result = of(watch, opened(NOON), *tried, opened(NOON + 300 * MINUTE))
    assert MANY in {each.rule for each in result.found}
    assert watch.uncounted["too_late"] == 0


def test_what_comes_is_as_sure_as_the_least_sure_of_it(watch: Understander) -> None:
    seen = of(
        watch,
        arrival(failed(1), sure=Assurance.CERTIFICATE),
        arrival(failed(2), sure=Assurance.ADDRESS),
        arrival(failed(3)),
    ).seen["s-one"]
    assert seen.sure is Assurance.ADDRESS


def test_a_firing_names_the_machine_that_all_its_events_are_about(watch: Understander) -> None:
    found = of(watch, arrival(failed(1), failed(2), failed(3))).found + watch.settle(500, NOON + 20 * MINUTE).found
    assert [each.host for each in found] == ["PC-ACCUEIL"]
    held = [(each.kind, each.value) for each in found[0].traces.ties]
    assert [each for each in held if each[0] != "event"] == [("address", "203.0.113.9")]
    assert ["Security" in identity for _, _, identity in found[0].events or ()] == [True] * 3


def test_an_event_that_comes_twice_counts_once(watch: Understander) -> None:
    result = of(watch, arrival(failed(1), failed(1), failed(1), failed(1)))
    assert result.found + watch.settle(500, NOON + 20 * MINUTE).found == []


def test_a_recording_matches_and_feeds_no_correlation(watch: Understander) -> None:
    result = of(watch, arrival(shadows(9), failed(1), failed(2), failed(3), historic=True))
    found = result.found + watch.settle(500, NOON + 20 * MINUTE).found
    assert [(each.rule, each.historic) for each in found] == [(SHADOWS, True)]
    assert result.seen["s-one"].offset is None


def test_what_nobody_can_read_is_counted(watch: Understander) -> None:
    result = of(watch, arrival(b"{broken", b"[1]", shadows(1), form=Form.JSON))
    seen = result.seen["s-one"]
    assert (seen.events, seen.unread, result.events) == (3, 2, 3)
    assert len(result.found) == 1


def test_the_distance_of_a_clock_is_that_of_the_event_nearest_to_its_arrival(watch: Understander) -> None:
    ahead = of(
        watch, arrival(shadows(1, NOON + 7 * MINUTE), shadows(2, NOON + 5 * MINUTE), shadows(3, NOON + 9 * MINUTE))
    )
    assert ahead.seen["s-one"].offset == 5 * MINUTE
    assert ahead.seen["s-one"].newest == NOON + 9 * MINUTE


def test_what_a_match_keeps_of_an_event_is_bounded(watch: Understander) -> None:
    line = b"<86>Nov 25 12:00:00 nas doord: the door is open " + b"x" * 50_000
    [found] = of(watch, arrival(line, form=Form.SYSLOG)).found
    assert len(found.fields["message"]) == understanding.TEXT
    kept = understanding._kept({f"n{number}" * 200: [1] * 500 for number in range(500)})
    assert len(kept) == understanding.FIELDS
    assert all(len(name) <= 255 and len(value) == understanding.FIELDS for name, value in kept.items())


def test_hosts_of_a_source_are_bounded(watch: Understander) -> None:
    lines = [f"<86>Nov 25 12:00:00 h{number} p: x".encode() for number in range(500)]
    assert len(of(watch, arrival(*lines, form=Form.SYSLOG)).seen["s-one"].hosts) == understanding.HOSTS


def test_a_lease_tells_of_a_machine(watch: Understander) -> None:
    line = b"<30>Nov 25 12:00:00 fw dnsmasq-dhcp[1]: DHCPACK(br0) 192.168.7.44 02:00:00:00:00:44 tablette-salon"
    result = of(watch, arrival(line, form=Form.SYSLOG))
    assert list(result.neighbours.values()) == [Neighbour("192.168.7.44", "02:00:00:00:00:44", "tablette-salon")]
    assert of(watch, arrival(line, form=Form.SYSLOG, historic=True)).neighbours == {}
    long = line.replace(b"tablette-salon", b"x" * 5_000)
    assert all(len(each.name or "") <= 255 for each in of(watch, arrival(long, form=Form.SYSLOG)).neighbours.values())


def test_a_sign_of_life_comes_out_with_its_receiver(watch: Understander) -> None:
    line = f"<14>1 - beffroi beffroi-selftest - - - beffroi-selftest {TOKEN}".encode()
    assert of(watch, arrival(line, form=Form.SYSLOG)).selftests == [("bulk", TOKEN)]
    assert of(watch, arrival(line + b"0", form=Form.SYSLOG)).selftests == []


def test_a_message_that_brings_out_a_defect_is_passed_over(
    watch: Understander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no such message that we know of: so one of the readers is made to fail."""
    real = understood.normalise

    def defective(form: Form, raw: bytes, context: Any) -> Any:
        if raw == b"poison":
            raise IndexError("a defect")
        return real(form, raw, context)

    monkeypatch.setattr(understanding, "normalise", defective)
    result = of(watch, arrival(shadows(1), b"poison", shadows(2)))
    assert len(result.found) == 2
    assert result.seen["s-one"].unread == 1
    [defect] = result.defects
    assert defect.startswith("IndexError in ")
    assert "a defect" not in defect


def test_an_event_at_which_a_rule_fails_takes_no_others_with_it(
    watch: Understander, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Matcher.match

    def defective(self: Matcher, events: list[Any], logsource: Any) -> Any:
        if any("poison" in str(fields) for _, fields, _ in events):
            raise RecursionError("a defect")
        return real(self, events, logsource)

    monkeypatch.setattr(Matcher, "match", defective)
    poison = json.loads(shadows(3))
    poison["Event"]["EventData"]["Note"] = "poison"
    messages = [shadows(1), shadows(2), json.dumps(poison).encode(), shadows(4), shadows(5)]
    result = of(watch, arrival(*messages))
    assert [each.place for each in result.found] == [0, 1, 3, 4]
    [defect] = result.defects
    assert defect.startswith("RecursionError in ")
    assert "a defect" not in defect


def test_results_survive_being_told_between_processes(watch: Understander) -> None:
    from beffroi.watching.frames import LENGTH, UP, Result, framed

    result = of(watch, arrival(shadows(1), failed(1), failed(2), failed(3)))
    told = UP.decode(framed(Result(result, [], 0.5, watch.uncounted))[LENGTH.size :])
    assert isinstance(told, Result)
    assert told.understood.found == result.found
    assert all(isinstance(each, Found) for each in told.understood.found)


def test_correlations_are_not_deaf_after_a_clock_that_was_ahead_is_put_right(tmp_path: Path) -> None:
    ahead = 24 * 60 * MINUTE
    made = understander(tmp_path)
    made.understand([(1, arrival(failed(1, NOON + ahead), arrived=NOON + ahead))])
    made.settle(1, NOON)
    batch = [failed(number, NOON + number) for number in range(2, 5)]
    found = made.understand([(2, arrival(*batch))]).found
    assert [each.rule for each in found] == [MANY]


def test_the_lateness_that_was_set_outlives_a_clock_that_is_put_right(tmp_path: Path) -> None:
    ahead = 24 * 60 * MINUTE
    made = understander(tmp_path, lateness=60)
    made.understand([(1, arrival(failed(1, NOON + ahead), arrived=NOON + ahead))])
    made.settle(1, NOON)
    made.understand([(2, arrival(failed(2), failed(3, NOON - 9 * MINUTE)))])
    assert made.uncounted["too_late"] == 1


def test_what_an_attacker_writes_parts_no_event_from_its_hand(watch: Understander) -> None:
    hostile = [
        windows(n, 4625, NOON + n, IpAddress="203.0.113.9", TargetUserName="a\x1eb", Status="\x1e" * 9)
        for n in range(1, 4)
    ]
    found = of(watch, arrival(*hostile)).found
    assert [each.host for each in found] == ["PC-ACCUEIL"]
    assert {each[2].count("Security") for each in found[0].events or ()} == {1}
    assert not any("\x1e" in identity for _, _, identity in found[0].events or ())


def test_what_is_set_aside_is_never_read_and_alone_each_message_is_named_before_it_is(tmp_path: Path) -> None:
    batch = [(1, arrival(shadows(1), shadows(2))), (2, arrival(shadows(3), b"{broken", shadows(4)))]
    made = Understander(load([rules(tmp_path)]), BRUSSELS, [Culprit(1, 1)])
    named: list[tuple[int, int]] = []
    result = made.understand(batch, lambda position, number: named.append((position, number)))
    assert named == [(1, 0), (2, 0), (2, 1), (2, 2)]
    together = Understander(load([rules(tmp_path)]), BRUSSELS, [Culprit(1, 1)]).understand(batch)
    assert result == together
    assert [(each.position, each.place) for each in result.found] == [(1, 0), (2, 0), (2, 1)]
    assert result.seen["s-one"].unread == 2


def test_a_match_keeps_who_and_where_although_its_rule_looks_at_none_of_it(watch: Understander) -> None:
    message = windows(
        1,
        4688,
        CommandLine="vssadmin delete shadows",
        NewProcessName="C:\\vssadmin.exe",
        SubjectUserName="anne",
        NewProcessId="0x7",
    )
    [found] = of(watch, arrival(message)).found
    assert found.fields == {
        "CommandLine": "vssadmin delete shadows", "Computer": "PC-ACCUEIL", "User": "anne", "SubjectUserName": "anne",
        "Image": "C:\\vssadmin.exe", "NewProcessName": "C:\\vssadmin.exe",
    }  # fmt: skip


def test_a_correlation_hears_nothing_of_what_is_normal_and_the_rule_speaks_all_the_same(tmp_path: Path) -> None:
    """The rule speaks for itself too; what it found is stored, and hidden there."""
    text = RULES.replace("timespan: 10m", "timespan: 10m\n    generate: true")
    match = Match(FAILED, "A failed login", LogSource("windows"), {"TargetUserName": "anna"})
    normals = Normals([(1, FAILED, written(match, choose(match)))])
    calm = Understander(load([rules(tmp_path / "rules", text)]), BRUSSELS, normals=normals)
    told = [each.rule for each in of(calm, arrival(*(failed(n) for n in range(1, 5)))).found]
    assert told == [FAILED] * 4
    alert = Understander(load([tmp_path / "rules"]), BRUSSELS)
    assert MANY in [each.rule for each in of(alert, arrival(*(failed(n) for n in range(1, 5)))).found]


OWN = f"""
title: The door is open
id: {DOOR}
logsource: {{product: linux, service: auth}}
detection: {{door: {{message|contains: 'door is open'}}, condition: door}}
level: medium
beffroi: {{says: {{fr: "La porte de la pharmacie est ouverte."}}}}
---
title: The door is open often
id: {MANY}
correlation: {{type: event_count, rules: [{DOOR}], timespan: 10m, condition: {{gte: 2}}, generate: true}}
level: high
beffroi: {{says: {{en: "Somebody keeps opening the pharmacy."}}}}
"""


def test_a_rule_s_own_sentence_goes_with_its_match_and_its_firing(tmp_path: Path) -> None:
    watch = understander(tmp_path / "own", OWN)
    lines = [LINE.encode(), LINE.replace("12:00:00", "12:00:01").encode()]
    found = of(watch, arrival(*lines, form=Form.SYSLOG)).found + watch.settle(500, NOON + 20 * MINUTE).found
    assert [each.says for each in found if each.rule == DOOR] == [{"fr": "La porte de la pharmacie est ouverte."}] * 2
    assert [each.says for each in found if each.rule == MANY] == [{"en": "Somebody keeps opening the pharmacy."}]


STORY = f"""{RULES}---
title: Guards fell
id: 11111111-2222-4333-8444-000000000006
logsource: {{product: windows, category: process_creation}}
detection:
    selection: {{CommandLine|contains: 'Set-MpPreference'}}
    condition: selection
level: high
---
title: Made ready
id: 11111111-2222-4333-8444-000000000007
correlation:
    type: temporal
    rules: [{SHADOWS}, 11111111-2222-4333-8444-000000000006]
    group-by: [Computer]
    timespan: 30m
    generate: true
level: critical
"""


def command(number: int, minute: int, who: str, line: str) -> bytes:
    return windows(number, 4688, NOON + minute * MINUTE, SubjectUserName=who, CommandLine=line)


def test_what_two_people_do_on_one_machine_is_no_story_of_it(tmp_path: Path) -> None:
    watch = understander(tmp_path / "rules", STORY)
    deeds = [command(1, 0, "anna", "vssadmin delete shadows"), command(2, 1, "bert", "Set-MpPreference")]
    assert [each.title for each in of(watch, arrival(*deeds)).found] == ["Shadow copies are deleted", "Guards fell"]
    later = of(watch, arrival(command(3, 2, "bert", "vssadmin delete shadows")), start=900).found
    assert [each.title for each in later] == ["Shadow copies are deleted", "Made ready"]
    assert [time for _, time, _ in later[1].events or ()] == [NOON + MINUTE, NOON + 2 * MINUTE]


def test_a_firing_is_tied_to_the_match_of_the_event_that_made_it_true(tmp_path: Path) -> None:
    watch = understander(tmp_path / "rules", STORY)
    deeds = [command(1, 0, "SYSTEM", "vssadmin delete shadows"), command(2, 1, "SYSTEM", "Set-MpPreference")]
    ties = [{each for each in some.traces.ties if each.kind == "event"} for some in of(watch, arrival(*deeds)).found]
    copies, guards, firing = ties
    assert firing == guards != copies
