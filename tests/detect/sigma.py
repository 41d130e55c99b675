"""Short ways to say "this rule fires on this event" in the tests of detect."""

from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sigma.rule import SigmaRule

from beffroi.core.model import Fields, LogSource
from beffroi.detect.ir import Rule
from beffroi.detect.matcher import Match, Matcher
from beffroi.detect.translate import translate

BRUSSELS = ZoneInfo("Europe/Brussels")
LINUX = LogSource("linux", None, "auth")
HEAD = {"title": "A rule", "id": "00000000-0000-4000-8000-000000000000", "status": "test", "level": "high"}


def rule(
    detection: str | dict[str, Any],
    logsource: dict[str, str] | None = None,
    placeholders: dict[str, list[str]] | None = None,
    **more: Any,
) -> Rule:
    """A rule from its detection; without a condition the condition is `selection`."""
    body = yaml.safe_load(detection) if isinstance(detection, str) else detection
    if "condition" not in body:
        body = {"selection": body, "condition": "selection"}
    document = HEAD | {"logsource": logsource or {"product": "linux", "service": "auth"}, "detection": body} | more
    parsed = SigmaRule.from_dict(document)
    return translate(parsed, rule_id=HEAD["id"], path="rule.yml", placeholders=placeholders or {})


def matches(rules: list[Rule], events: list[Fields], stated: LogSource | None = LINUX) -> list[Match]:
    """What the rules say of the events."""
    return Matcher(rules, BRUSSELS).match([(n, fields, None) for n, fields in enumerate(events, 1)], stated)


def fires(detection: str | dict[str, Any], fields: Fields, **options: Any) -> bool:
    """Whether a rule with this detection fires on one event of the stated log source linux/auth."""
    return bool(matches([rule(detection, **options)], [fields]))
