"""What a hunt came to, in one line."""

from beffroi.core.model import WHOLE, Fault, message
from beffroi.core.wording import words
from beffroi.hunting import Outcome
from beffroi.hunting.summary import closing, remarks


def outcome(**more: object) -> Outcome:
    made = Outcome(events=1_204_331, matches=14, rules=2_858, correlations=2, blind=61)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_the_closing_line_tells_events_bad_parts_and_rules() -> None:
    said = closing(
        outcome(faults=[Fault("a", WHOLE, message("b"))], faults_uncounted=2, refused=[Fault("r.yml", WHOLE, message("no"))]),
        12.34, words("en"), "en",
    )  # fmt: skip
    assert said == (
        "1,204,331 events in 12.3 s · 14 matches · 3 unreadable parts · 2,860 rules: 1 refused, 61 with nothing to look at here"
    )


def test_it_names_what_had_no_log_source_and_what_was_forgotten_only_where_there_was_any() -> None:
    said = closing(outcome(unsourced=3, forgotten=4), 1, words("en"), "en")
    assert " · 3 events name no log source: say it with --logsource · 4 events were too many" in said


def test_the_first_faults_are_told_and_the_rest_counted() -> None:
    told: list[str] = []
    faults = [Fault(f"{number}.evtx", message("chunk 1"), message("broken")) for number in range(25)]
    refused = [Fault(f"{number}.yml", message("line 1"), message("{no}")) for number in range(30)]
    remarks(outcome(faults=faults, faults_uncounted=7, refused=refused), told.append, words("en"))
    assert told[0] == "0.evtx, chunk 1: broken"
    assert told[20] == "… and 12 more unreadable parts"
    assert told[21] == "refused: 0.yml, line 1: {no}"
    assert told[-1] == "… and 10 more refused rules"
    assert len(told) == 42


def test_nothing_to_remark_says_nothing() -> None:
    told: list[str] = []
    remarks(outcome(), told.append, words("en"))
    assert told == []
