"""A set of rules tried on the samples of Beffroi's own pack before it is used."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path

from beffroi.core.model import Event, Fault, Fields, Message, message
from beffroi.detect.correlation import BaseMatch, Correlation, Correlator, in_order, rests_on
from beffroi.detect.correlation import silenced as silent
from beffroi.detect.matcher import Matcher
from beffroi.detect.values import micros_of, moment_of, text_of
from beffroi.rules.pack import TRIED_WITH, Sample, samples
from beffroi.rules.repository import PACK, RuleSet, load
from beffroi.rules.update import Report

Hidden = Callable[[str, Fields], bool]
"""(id of a rule or correlation, what it found: an event's fields, or those of the group) → whether that is hidden."""


def _nothing(_rule: str, _fields: Fields) -> bool:
    return False


class Trial:
    """Tries samples on one set of rules."""

    def __init__(self, ruleset: RuleSet, zone: tzinfo) -> None:
        self._zone = zone
        self._matcher = Matcher(ruleset.rules, zone)
        self._correlations = {correlation.id: correlation for correlation in ruleset.correlations}
        self._silent = silent(ruleset.correlations)

    def count(self, sample: Sample, hidden: Hidden = _nothing) -> int:
        """How often the sample's rule fires on its events, where some of what rules find is hidden."""
        batch: list[Event] = [(number, fields, None) for number, fields in enumerate(sample.events)]
        found = self._matcher.match(batch, sample.logsource)
        if sample.rule not in self._correlations:
            return sum(match.rule.id == sample.rule and not hidden(sample.rule, match.fields) for match in found)
        if sample.rule in self._silent:
            return 0
        # Only what the sample's rule rests on: a correlator of the whole pack takes longer to build than all else together.
        below = rests_on(sample.rule, self._correlations)
        correlator = Correlator(
            (self._correlations[each] for each in below if each in self._correlations), lateness_us=0
        )
        bases = [
            BaseMatch(match.rule.id, self._micros(match.fields), str(match.place), _texts(match.fields))
            for match in found
            if match.rule.id in correlator.rules and not hidden(match.rule.id, match.fields)
        ]
        bases.sort(key=lambda base: base.time_us)
        return sum(
            firing.correlation == sample.rule and not hidden(sample.rule, dict(firing.group))
            for firing in in_order(correlator, bases)
        )

    def _micros(self, fields: Fields) -> int:
        moment = moment_of(str(fields.get("TimeCreated", "")), self._zone)
        return 0 if moment is None else micros_of(moment)

    def failures(self, tried: Iterable[Sample]) -> list[Fault]:
        """The samples on which their rule fires more or less often than it should."""
        return [
            Fault(str(sample.path), message("{sample}", sample=sample.name), _missed(sample, count))
            for sample in tried
            if (count := self.count(sample)) != sample.matches
        ]


def _missed(sample: Sample, count: int) -> Message:
    return message("fires {count} times instead of {expected}", count=count, expected=sample.matches)


def _texts(fields: Fields) -> Mapping[str, str | tuple[str, ...] | None]:
    return {name: text_of(value) for name, value in fields.items()}


def try_rules(folder: Path, *, zone: tzinfo, cache_folder: Path | None) -> Report:
    """Load a new set beside the pack and try all samples: a foreign filter must not silence what the pack sees."""
    alone = load([folder], cache_folder=cache_folder)
    together = load([PACK, folder], placeholders=TRIED_WITH, cache_folder=cache_folder)
    tried = samples(PACK)
    return Report(
        loaded=len(alone.rules) + len(alone.correlations),
        refused=alone.refused,
        blind=sum(rule.blind is not None for rule in alone.rules),
        samples=len(tried),
        failed=tuple(Trial(together, zone).failures(tried)),
    )


def silenced(rule: str, hides: Callable[[Fields], bool]) -> list[str]:
    """The samples of the pack, by their names, that would no longer be found as often as they must, were what a rule finds hidden where `hides`
    says so. Samples of correlations that rest on the rule are among them."""
    ruleset = _pack()
    correlations = {each.id: each for each in ruleset.correlations}
    concerned = _those_above(rule, ruleset.correlations)
    needed = concerned.union(*(rests_on(each, correlations) for each in concerned if each in correlations))
    paths = {each.path for each in ruleset.rules if each.id in concerned}
    paths |= {each.path for each in ruleset.correlations if each.id in concerned}
    tried = [each for path in sorted(paths) for each in samples(Path(path)) if each.fires and each.rule in concerned]
    trial = Trial(
        ruleset._replace(
            rules=tuple(each for each in ruleset.rules if each.id in needed),
            correlations=tuple(each for each in ruleset.correlations if each.id in needed),
        ),
        UTC,
    )

    def hidden(which: str, fields: Fields) -> bool:
        return which == rule and hides(fields)

    return [each.name for each in tried if trial.count(each, hidden) < each.matches]


@cache
def _pack() -> RuleSet:
    """The pack, loaded once: a person waits, and often says of several findings in a row that they are normal."""
    return load([PACK], placeholders=TRIED_WITH)


def _those_above(rule: str, correlations: Iterable[Correlation]) -> set[str]:
    """A rule and the correlations that rest on it, directly or through others."""
    found = {rule}
    while above := {each.id for each in correlations if each.id not in found and not found.isdisjoint(each.rules)}:
        found |= above
    return found
