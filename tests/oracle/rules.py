"""Sigma rules from YAML text: one plain object a rule that says whether it fires on an event."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import yaml

from . import atoms, windows
from .atoms import Scope, Test, View
from .conditions import Parser
from .errors import Unsupported
from .windows import Fields, Stated

ZONE = "Europe/Brussels"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NO_SEARCHES = ("condition", "timeframe")


class Refusal(NamedTuple):
    """A document that cannot be evaluated."""

    path: Path
    title: str
    reason: str


@dataclass
class PlainRule:
    """A rule: fires on an event when its log source covers it, one of its conditions holds and every filter on it holds."""

    id: str | None
    name: str | None
    title: str
    path: Path
    level: str | None
    logsource: Stated
    test: Test
    blind: tuple[str, ...] = ()
    """placeholders without values; with any, the rule never fires"""
    filters: list[Test] = field(default_factory=list)

    def fires(self, event: dict[str, Any], *, timezone: str = ZONE) -> bool:
        """Whether it fires on a raw record of evtx-dump."""
        return self.fires_windows_fields(windows.flatten(event), timezone=timezone)

    def fires_windows_fields(self, fields: Fields, *, timezone: str = ZONE) -> bool:
        """Whether it fires on the flat fields of a Windows event, whose log source Channel and EventID say."""
        return windows.covers(self.logsource, fields) and self.holds(
            windows.translated(self.logsource, fields), fields, timezone
        )

    def fires_fields(self, fields: Fields, logsource: Stated, *, timezone: str = ZONE) -> bool:
        """Whether it fires on flat fields whose (product, category, service) is stated: all that the rule names must be stated."""
        is_covered = all(own in (None, stated) for own, stated in zip(self.logsource, logsource, strict=True))
        return is_covered and self.holds(fields, fields, timezone)

    def holds(self, fields: Fields, original: Fields, timezone: str) -> bool:
        if self.blind:
            return False
        view = View(fields, ZoneInfo(timezone), original)
        return self.test(view) and all(test(view) for test in self.filters)


def load(
    paths: Iterable[Path], *, placeholders: dict[str, list[str]] | None = None, refused: list[Refusal] | None = None
) -> list[PlainRule]:
    """The rules of files and of folders of .yml files, filters already applied to them; correlations are left out.

    A rule that cannot be evaluated raises Unsupported, or is put into `refused` where that list is given.
    """
    documents = [(file, document) for file in files(paths) for document in read(file)]
    return parse_documents(documents, placeholders=placeholders, refused=refused)


def files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from (sorted(path.rglob("*.y*ml")) if path.is_dir() else [path])


def read(path: Path) -> list[Any]:
    with path.open(encoding="utf-8") as file:
        return [document for document in yaml.load_all(file, LOADER) if document is not None]


def parse_documents(
    documents: Iterable[tuple[Path, Any]],
    *,
    placeholders: dict[str, list[str]] | None = None,
    refused: list[Refusal] | None = None,
) -> list[PlainRule]:
    """As `load`, from documents already parsed as YAML."""
    rules: list[PlainRule] = []
    filters: list[tuple[Path, dict[str, Any]]] = []
    for path, document in documents:
        if isinstance(document, dict) and "correlation" in document:
            continue
        if isinstance(document, dict) and "filter" in document:
            filters.append((path, document))
            continue
        with refusing(path, document, refused):
            rules.append(rule(path, document, placeholders or {}))
    for path, document in filters:
        with refusing(path, document, refused):
            apply_filter(document, rules, placeholders or {})
    return rules


@contextmanager
def refusing(path: Path, document: Any, refused: list[Refusal] | None) -> Iterator[None]:
    try:
        yield
    except Unsupported as error:
        if refused is None:
            raise
        title = document.get("title") if isinstance(document, dict) else None
        refused.append(Refusal(path, str(title), str(error)))


def rule(path: Path, document: Any, placeholders: dict[str, list[str]]) -> PlainRule:
    if not isinstance(document, dict) or not isinstance(document.get("detection"), dict):
        raise Unsupported("no detection")
    stated = stated_source(document.get("logsource"))
    windows.check_source(stated)
    scope = Scope(placeholders, set())
    test = searches(document["detection"], scope)
    return PlainRule(
        id=text_or_none(document.get("id")),
        name=text_or_none(document.get("name")),
        title=str(document.get("title")),
        path=path,
        level=text_or_none(document.get("level")),
        logsource=stated,
        test=test,
        blind=tuple(sorted(scope.blind)),
    )


def text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def stated_source(logsource: Any) -> Stated:
    if not isinstance(logsource, dict):
        raise Unsupported("no logsource")
    product, category, service = (text_or_none(logsource.get(part)) for part in ("product", "category", "service"))
    return product, category, service


def searches(detection: dict[str, Any], scope: Scope) -> Test:
    """The test of a whole detection section: any of its conditions."""
    tests = {str(name): search(given, scope) for name, given in detection.items() if name not in NO_SEARCHES}
    given = detection.get("condition")
    conditions: list[Any] = given if isinstance(given, list) else [given]
    if not conditions or not all(isinstance(condition, str) for condition in conditions):
        raise Unsupported("no condition")
    parsed = [Parser[View](condition, tests).parse() for condition in conditions]
    return lambda view: any(test(view) for test in parsed)


def search(given: Any, scope: Scope) -> Test:
    """The test of one search: a map is an AND, a list an OR of maps and keywords, anything else one keyword."""
    if isinstance(given, dict):
        parts = [atoms.item(None if key is None else str(key), value, scope) for key, value in given.items()]
        if not parts:
            raise Unsupported("an empty search")
        return lambda view: all(part(view) for part in parts)
    if isinstance(given, list):
        if not given or any(isinstance(element, list) for element in given):
            raise Unsupported("an empty list, or a list in a list, as a search")
        choices = [search(element, scope) for element in given]
        return lambda view: any(choice(view) for choice in choices)
    return atoms.item(None, given, scope)


def apply_filter(document: dict[str, Any], rules: list[PlainRule], placeholders: dict[str, list[str]]) -> None:
    """AND the filter's condition, unchanged, to the rules it names (by id or name, or `any`) on its log source.

    Sigma's filter specification 2.0.0. Its example reads as if it were negated; all implementations known join it as it stands.
    """
    section = document["filter"]
    if not isinstance(section, dict):
        raise Unsupported("a filter without a filter section")
    wide = stated_source(document.get("logsource"))
    named = section.get("rules")
    names = named if isinstance(named, list) else [named]
    scope = Scope(placeholders, set())
    test = searches({key: value for key, value in section.items() if key != "rules"}, scope)
    for each in rules:
        is_named = named == "any" or any(str(name) in (each.id, each.name) for name in names)
        if is_named and all(part in (None, own) for part, own in zip(wide, each.logsource, strict=True)):
            each.filters.append(test)
            each.blind = tuple(sorted({*each.blind, *scope.blind}))
