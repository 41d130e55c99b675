"""Which matches are one story: by ties, by what lies near, and never by the order in which they came."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beffroi.incidents.grouping import group
from beffroi.incidents.strands import FACETS, HORIZON, MINUTE, MOST, TIES, WILD, Sighting, Spell, Strands, _with, gaps
from beffroi.incidents.traces import tie_of_event
from tests.incidents.signs import groups, sign


def guid(number: int) -> str:
    return f"{{{number:032x}}}"


def test_one_process_is_one_story_hours_apart() -> None:
    assert groups(
        [
            sign(0, rule="a", ProcessGuid=guid(7), Image="x.exe"),
            sign(300, rule="b", ParentProcessGuid=guid(7), ParentImage="x.exe"),
        ]
    ) == [[0, 1]]


def test_one_address_is_one_story_over_machines_and_rules() -> None:
    scan = sign(0, "firewall", "port scan", src_ip="203.0.113.9")
    entry = sign(50, "server", "sign-in", EventID=4624, IpAddress="203.0.113.9", TargetUserName="anne")
    assert groups([scan, entry]) == [[0, 1]]
    assert groups([scan, sign(120, "server", "sign-in", src_ip="203.0.113.9")]) == [[0], [1]]


@pytest.mark.slow
def test_ten_thousand_failures_from_one_address_are_one_story() -> None:
    draw = random.Random(3)
    tries = [
        sign(n / 100, f"pc-{draw.randrange(9)}", "guess", src_ip="203.0.113.9", outcome="failure", username=f"u{n}")
        for n in range(10_000)
    ]
    assert [len(each) for each in groups(tries)] == [10_000]


def test_one_account_on_three_machines_within_the_hour_is_one_story() -> None:
    deeds = [
        sign(n * 20, f"pc-{n}", f"rule {n}", SubjectUserName="MAISON\\anne", SubjectLogonId=hex(0x1000 + n))
        for n in range(3)
    ]
    assert groups(deeds) == [[0, 1, 2]]


def test_what_lies_near_joins_and_what_names_another_hand_does_not() -> None:
    anne = sign(0, rule="a", User="anne", LogonId="0x111")
    nobody = sign(1, rule="b")
    bert = sign(2, rule="c", User="bert", LogonId="0x222")
    assert groups([anne, nobody]) == [[0, 1]]
    assert groups([anne, bert]) == [[0], [1]]
    # Who names nobody goes to the nearest and makes no bridge.
    assert groups([anne, sign(0.5, rule="b"), bert]) == [[0, 1], [2]]
    assert groups([anne, sign(1.8, rule="b"), bert]) == [[0], [1, 2]]


def test_two_attackers_on_one_machine_stay_two_though_their_deeds_alternate() -> None:
    alternating = [
        each
        for n in range(12)
        for each in (
            sign(n, "server", f"a{n % 3}", src_ip="203.0.113.9"),
            sign(n + 0.5, "server", f"b{n % 3}", User="anne", LogonId="0x111"),
        )
    ]
    assert groups(alternating) == [list(range(0, 24, 2)), list(range(1, 24, 2))]


def test_wiping_the_traces_belongs_to_the_attack_beside_it_whoever_is_named() -> None:
    assert groups(
        [sign(0, rule="a", User="anne", LogonId="0x111"), sign(1, rule="b", EventID=1102, SubjectUserName="admin")]
    ) == [[0, 1]]


def test_the_same_deed_again_the_same_day_is_the_same_story() -> None:
    again = [sign(n * 300, rule="task", Image="C:\\t.exe", CommandLine="t.exe /x") for n in range(4)]
    assert groups(again) == [[0, 1, 2, 3]]
    assert (
        len(
            groups(
                [sign(0, rule="task", Image="t", CommandLine="1"), sign(300, rule="task", Image="t", CommandLine="2")]
            )
        )
        == 2
    )


def test_the_same_words_typed_by_two_are_two_stories() -> None:
    def asked(minute: float, user: str, session: str) -> Sighting:
        return sign(minute, rule="recon", User=user, LogonId=session, Image="C:\\net.exe", CommandLine="net group x")

    assert groups([asked(0, "anne", "0x111"), asked(0.5, "bert", "0x222")]) == [[0], [1]]
    assert groups([asked(0, "anne", "0x111"), asked(300, "anne", "0x333")]) == [[0, 1]]


def test_where_nothing_but_accounts_is_told_one_rule_within_a_minute_is_one_story() -> None:
    looked = [
        sign(n / 4, "dc", "objects", EventID=4661, SubjectUserName=who, SubjectLogonId=hex(0x100 + n))
        for n, who in enumerate(("anne", "admin"))
    ]
    assert groups(looked) == [[0, 1]]


def test_where_the_machine_alone_is_told_one_rule_is_one_story_for_a_day() -> None:
    assert groups([sign(minute, rule="guards") for minute in (0, 60, 600)]) == [[0, 1, 2]]
    assert groups([sign(0, rule="guards"), sign(25 * 60, rule="guards")]) == [[0], [1]]
    assert groups([sign(0, rule="guards"), sign(60, rule="guards", User="anne")]) == [[0], [1]]
    assert groups([sign(0, rule="guards"), sign(60, rule="guards", host="other")]) == [[0], [1]]


def test_a_firing_is_of_the_strand_whose_event_made_it_true_though_another_began_nearer() -> None:
    copies = sign(0, rule="copies", Image="a.exe", ProcessGuid="{1111}", User="bert", LogonId="0x222")
    backups = tied(sign(1, rule="backups", Image="b.exe", ProcessGuid="{1111}"), "this event")
    other = sign(0.9, rule="passwords", User="anne", LogonId="0x111")
    firing = tied(sign(1, rule="made ready", level=4), "this event")
    assert groups([copies, other, backups, firing]) == [[0, 2, 3], [1]]


def tied(sighting: Sighting, own: str) -> Sighting:
    traces = msgspec.structs.replace(sighting.traces, ties=(*sighting.traces.ties, tie_of_event(own)))
    return msgspec.structs.replace(sighting, traces=traces)


def test_the_step_that_begins_next_is_nearer_than_what_merely_goes_on_meanwhile() -> None:
    service = sign(0, rule="service")  # names nobody, as Windows' own account does
    shell = [sign(0.05 + n / 5, rule=f"shell {n}", ProcessGuid=guid(1), Image="x") for n in range(3)]
    bert = [sign(0.3 + n, rule="tool", User="bert", LogonId="0x222") for n in range(2)]
    anne = sign(-0.02, rule="share", User="anne", LogonId="0x111")
    assert groups([anne, service, *shell, *bert]) == [[0, 1, 2, 3, 4], [5, 6]]


KINDS = st.builds(
    sign,
    minute=st.integers(0, 55),
    host=st.sampled_from(["pc-1", "pc-2", None]),
    rule=st.sampled_from(["r1", "r2", "r3"]),
    level=st.integers(0, 4),
    User=st.sampled_from(["anne", "bert", "SYSTEM", None]),
    LogonId=st.sampled_from(["0x111", "0x222", "0x3e7", None]),
    src_ip=st.sampled_from(["203.0.113.9", "198.51.100.7", None, None]),
    ProcessGuid=st.sampled_from([guid(1), guid(2), None, None]),
    NewProcessId=st.sampled_from(["0x10", "0x20", None]),
    ParentProcessId=st.sampled_from(["16", 32, None]),
    CommandLine=st.sampled_from(["whoami", "vssadmin", None]),
    EventID=st.sampled_from([1, 1102, 4624, 4688, None]),
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(signs=st.lists(KINDS, max_size=14), data=st.data())
def test_the_order_of_arrival_changes_no_story(signs: list[Sighting], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(signs))))
    shuffled = [sorted(order[each] for each in story) for story in groups([signs[each] for each in order])]
    assert sorted(shuffled) == groups(signs)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(signs=st.lists(KINDS, min_size=1, max_size=10))
def test_what_comes_twice_changes_no_story(signs: list[Sighting]) -> None:
    twice = groups([each for each in signs for _ in range(2)])
    assert [sorted({each // 2 for each in story}) for story in twice] == groups(signs)


def test_a_rule_gone_wild_begins_no_more_than_so_many_stories() -> None:
    wild = [sign(n / 10, f"host-{n}", "wild", src_ip=f"10.{n // 250}.{n % 250}.1") for n in range(2_000)]
    assert len(groups(wild)) == WILD + 1


@pytest.mark.slow
def test_what_is_remembered_is_bounded_whatever_an_attacker_names() -> None:
    strands = Strands()
    for n in range(9_000):
        strands.add(
            sign(
                n / 1_000,
                "pc",
                f"rule {n % 290}",
                User=f"user{n}",
                ProcessGuid=guid(n),
                Image="x",
                src_ip=f"10.{n % 200}.{n // 200}.1",
            ),
            n + 1,
        )
        for old in strands.old():
            strands.drop(old)
    assert len(strands.alive) <= MOST
    for strand in strands.alive.values():
        assert len(strand.ties) <= TIES
        assert len(strand.accounts) <= FACETS >= len(strand.addresses)
    assert len(strands._holders) <= len(strands.alive) * TIES


SPELLS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=8)


@given(ours=SPELLS, theirs=SPELLS, window=st.integers(0, 9))
def test_gaps_are_those_of_every_two_spells_that_lie_near(
    ours: list[tuple[int, int]], theirs: list[tuple[int, int]], window: int
) -> None:
    def held(spells: list[tuple[int, int]]) -> list[Spell]:
        kept: list[Spell] = []
        for first, length in spells:
            kept = _with(kept, Spell(first, first + length), window)
        return kept

    one, other = held(ours), held(theirs)
    every = [(max(0, max(a.first, b.first) - min(a.last, b.last)), abs(a.first - b.first)) for a in one for b in other]
    assert sorted(gaps(one, other, window)) == sorted(each for each in every if each[0] <= window)


def test_what_is_too_old_to_be_continued_is_let_go_of() -> None:
    strands = Strands()
    strands.add(sign(0), 1)
    strands.add(sign(2 * HORIZON / MINUTE, "other"), 2)
    assert [each.id for each in strands.old()] == [1]
    strands.drop(strands.alive[1])
    assert list(strands.alive) == [2]


@pytest.mark.parametrize("together", [True, False])
def test_what_a_person_decided_comes_first(together: bool) -> None:
    strands = Strands()
    strands.add(sign(0, "pc-1", User="anne", LogonId="0x1"), 1)
    near = sign(1, "pc-2", "other") if together else sign(1, "pc-1", "other", User="anne", LogonId="0x2")
    strands.add(near, 2)
    assert group(strands.alive).groups == ([[1], [2]] if together else [[1, 2]])
    decided = {"together": [(1, 2)]} if together else {"apart": [(1, 2)]}
    assert group(strands.alive, **decided).groups == ([[1, 2]] if together else [[1], [2]])
