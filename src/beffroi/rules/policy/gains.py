"""What a policy gains: how many rules can fire with it, and how many techniques they tell of."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from beffroi.core.attack import techniques_of
from beffroi.detect.correlation import Correlation, rests_on, silenced
from beffroi.detect.ir import Rule
from beffroi.detect.logsources import SECURITY
from beffroi.rules.coverage import coverage, hearing, looks_at
from beffroi.rules.policy import POLICIES, audited, comes
from beffroi.rules.policy.windows import SUBCATEGORIES, TAIL
from beffroi.rules.repository import RuleSet


class Gain(NamedTuple):
    """What of the rules about Windows can fire with a policy: rules and correlations that speak for themselves, and how many techniques their
    tags name. `policy` is one of POLICIES, or "all": all there are."""

    policy: str
    rules: int
    correlations: int
    techniques: int


def about_windows(rules: Iterable[Rule]) -> list[Rule]:
    """The rules that a policy of Windows can concern: those that name it. One for any product listens to others as well."""
    return [rule for rule in rules if rule.logsource.product == "windows"]


def gains(ruleset: RuleSet) -> tuple[Gain, ...]:
    """A row a policy, and one for all rules about Windows."""
    windows = about_windows(ruleset.rules)
    others = {rule.id for rule in ruleset.rules} - {rule.id for rule in windows}
    everything = _gain("all", ruleset, windows, others)
    return (*(_gain(policy, ruleset, coverage(windows, comes(policy)).able, others) for policy in POLICIES), everything)


def readers(ruleset: RuleSet) -> dict[str, int]:
    """GUID of each subcategory that the script has recorded → how many rules, the silent parts of correlations among them, can fire on an event
    that it writes. Of rules that look at several sorts of events each counts for all of them."""
    seen, found = comes("recommended"), dict[str, int]()
    for line in audited():
        subcategory = SUBCATEGORIES[line.guid.removesuffix(TAIL)]
        numbers = {
            *(subcategory.success if "S" in line.recorded else ()),
            *(subcategory.failure if "F" in line.recorded else ()),
        }
        found[line.guid] = sum(
            any(
                looks_at(rule, SECURITY, number, seen[SECURITY, number])
                for number in sorted(numbers)
                if _names(rule, number)
            )
            for rule in about_windows(ruleset.rules)
        )
    return found


def _names(rule: Rule, number: int) -> bool:
    """Whether a rule asks for that event by its number, itself or by its category: one about all of a log reads everything there."""
    return (rule.events is not None and number in rule.events) or (
        rule.logsource.category == "process_creation" and number == 4688
    )


def _gain(policy: str, ruleset: RuleSet, able: Iterable[Rule], others: AbstractSet[str]) -> Gain:
    """Of correlations those count that rest on a rule about Windows which can fire; what other sources tell of, is taken as told."""
    alive = {rule.id for rule in able}
    by_id = {each.id: each for each in ruleset.correlations}
    silent = silenced(ruleset.correlations)
    rules = [rule for rule in able if not rule.silent]
    correlations = [
        each
        for each in hearing(ruleset.correlations, alive | others)
        if each.id not in silent and alive & rests_on(each.id, by_id)
    ]
    speaking: list[Rule | Correlation] = [*rules, *correlations]
    told = {technique.id for each in speaking for technique in techniques_of(each.tags)}
    return Gain(policy, len(rules), len(correlations), len(told))
