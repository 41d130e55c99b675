"""A layer for the ATT&CK Navigator: which techniques the rules know, and how many rules know each.

The layer's format is version 4.5 (mitre-attack/attack-navigator, layers/spec/v4.5). A technique stands once and without a tactic:
the Navigator shows it under each tactic it serves.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from beffroi.core.attack import Technique, techniques_of

VERSIONS: Final = {"attack": "19", "navigator": "5.1.0", "layer": "4.5"}
SEEN, MOST, BLIND = "#cfe5dc", "#1f6f50", "#e3a49b"
"""One rule, the most rules, and rules of which none can fire."""


class Known(NamedTuple):
    """A rule or correlation as the layer tells of it: its title in the language, its tags, and whether it can fire."""

    title: str
    tags: tuple[str, ...]
    able: bool


def layer(name: str, description: str, known: Iterable[Known], *, blind: str) -> dict[str, Any]:
    """The layer as JSON takes it. `blind` is what the legend calls techniques whose rules cannot fire; their score is 0."""
    by_technique: dict[Technique, list[Known]] = {}
    for each in known:
        for technique in {*techniques_of(each.tags)}:  # two numbers of old may be one technique by now
            by_technique.setdefault(technique, []).append(each)
    techniques = [_entry(technique, rules) for technique, rules in sorted(by_technique.items())]
    most = max((each["score"] for each in techniques), default=0)
    return {
        "name": name,
        "versions": VERSIONS,
        "domain": "enterprise-attack",
        "description": description,
        "sorting": 3,
        "layout": {"layout": "side", "showName": True, "showID": True, "expandedSubtechniques": "annotated"},
        "hideDisabled": False,
        "techniques": techniques,
        # The format wants the end above the beginning, also where no rule is known.
        "gradient": {"colors": [SEEN, MOST], "minValue": 1, "maxValue": max(most, 2)},
        "legendItems": [{"label": blind, "color": BLIND}] if any(not each["score"] for each in techniques) else [],
        "selectTechniquesAcrossTactics": True,
        "selectSubtechniquesWithParent": False,
    }


def _entry(technique: Technique, rules: list[Known]) -> dict[str, Any]:
    able = [each.title for each in rules if each.able]
    entry = {
        "techniqueID": technique.id,
        "score": len(able),
        "comment": "\n".join(sorted(able or [each.title for each in rules])),
        "enabled": True,
        "links": [],
    }
    return entry if able else entry | {"color": BLIND}
