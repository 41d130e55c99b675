"""A match → the Sigma filter that says "this is normal", pure; normal.py reads it back.

A filter names values exactly: all of them must stand in an event for it to be hidden, so each field more makes it narrower. The values come
from attackers' logs: wildcards and backslashes in them are escaped as Sigma wants it (specification v2.1, "Escaping"), and YAML is
written by its own library. A document holds for no other tool's rule than the one it names (v2.1, "Sigma filters").
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import yaml

from beffroi.core.errors import UsageError
from beffroi.core.model import Fields, LogSource
from beffroi.detect.values import text_of
from beffroi.incidents.normal import ACCOUNT, ADDRESS, MACHINE, PROGRAM, THING, TITLE

GENERAL: Final = frozenset(
    ("EventID", "Channel", "Provider_Name", "Level", "Task", "Opcode", "Keywords", "Version", "LogonType", "Status", "SubStatus", "EventType",
     "outcome", "action", "blocked", "application", "method", "status", "cs-method", "sc-status", "cs-version", "cs-protocol", "IntegrityLevel",
     "Protocol", "record_type")
)  # fmt: skip
"""Fields that say of which kind an event is: alone they hold for everything that a rule finds."""

NOTHING: Final = frozenset({"", "-", "N/A"})
"""How programs write that there is no value."""

CUT: Final = 4_096
"""From so many characters on a stored value may be the beginning of a longer one: what a match keeps is cut there."""


class Match(msgspec.Struct, frozen=True):
    """What a filter is made from: the match's rule, and the fields that were kept of its event (for a correlation those it groups by)."""

    rule: str
    title: str
    logsource: LogSource
    fields: Fields


def choose(match: Match, names: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of a match that its filter names: those that somebody chose, else those that make it specific. Raises UsageError where one is
    not there, and where together they would hide whatever the rule finds."""
    usable = {name: value for name, value in match.fields.items() if not _is_nothing(value)}
    known = ", ".join(usable) or "-"
    if not usable:
        raise UsageError(
            "This match says nothing by which it could be told from others; `beffroi rules switch` switches the rule off"
        )
    for name in names:
        if name not in usable:
            raise UsageError("The match says nothing in the field {field}; there are: {known}", field=name, known=known)
    telling = {name: value for name, value in usable.items() if name not in GENERAL}
    chosen = {name: usable[name] for name in dict.fromkeys(names)} if names else _specific(usable) or telling
    if GENERAL.issuperset(chosen):
        raise UsageError(
            "This would hide nearly everything that the rule finds; choose fields that say who, where or what, of these: {known}",
            known=known,
        )
    return chosen


def holds_anywhere(chosen: Mapping[str, Any]) -> bool:
    """Whether a filter names neither who nor where: it hides the same from whoever does it, an attacker too."""
    return chosen.keys().isdisjoint((*MACHINE, *ACCOUNT, *ADDRESS))


def _specific(fields: Fields) -> Fields:
    """What makes a match specific; views give the same thing several names, of which one is enough."""
    chosen: dict[str, Any] = {}
    for kind in (MACHINE, ACCOUNT, ADDRESS, PROGRAM, THING):
        said: list[Any] = []
        for name in kind:
            if name in fields and fields[name] not in said:
                said.append(fields[name])
                chosen[name] = fields[name]
    return chosen


def _is_nothing(value: Any) -> bool:
    text = text_of(value)
    texts = text if isinstance(text, tuple) else (text or "",)
    return "".join(texts).strip() in NOTHING


# --- written ----------------------------------------------------------------------------------------------------------------------


def written(match: Match, chosen: Mapping[str, Any]) -> str:
    """The filter as a Sigma document. The same match and fields give the same text."""
    selection = dict(_item(name, value) for name, value in chosen.items())
    title = TITLE + " ".join(match.title.split())
    body: dict[str, Any] = {
        "title": _Text(title[:250]),
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{match.rule}\0{selection!r}")),
    }
    logsource = _widest(match.logsource)
    if logsource:  # a correlation has none, and no other tool filters one
        body["logsource"] = logsource
    body["filter"] = {"rules": [_Text(match.rule)], "selection": selection, "condition": "not selection"}
    return yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 30)


def _widest(logsource: LogSource) -> dict[str, Any]:
    """As much of an event's log source as surely holds its rule's: an event may name its program where the rule does not."""
    named = {name: _Text(part) for name, part in logsource._asdict().items() if part is not None}
    return dict(list(named.items())[:1])


def _item(name: str, value: Any) -> tuple[str, Any]:
    """A field with its value, as a selection holds them."""
    text = text_of(value)
    if isinstance(value, int) and not isinstance(value, bool) and str(value) == text:
        return name, value
    texts = text if isinstance(text, tuple) else (text or "",)
    begins = "|startswith" if any(len(each) >= CUT for each in texts) else ""
    values = [_Text(escaped(each)) for each in texts]
    return (f"{name}{begins}", values[0]) if len(values) == 1 else (f"{name}{begins}|all", values)


_SPECIAL: Final = re.compile(r"(\\*)([*?])|\\{2,}")


def escaped(text: str) -> str:
    r"""A text as Sigma writes it where it means just itself: `*` and `?` behind a backslash; backslashes twice where there are several or one of
    those follows, else once."""

    def twice(found: re.Match[str]) -> str:
        before, wildcard = found.groups()
        return found[0] * 2 if wildcard is None else f"{before * 2}\\{wildcard}"

    return _SPECIAL.sub(twice, text)


class _Text(str):
    """A text that is always quoted, so that no reader takes it for a number, a date or a yes."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """YAML's own, in Python: the one in C refuses some of what Unicode holds."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _quoted(dumper: yaml.SafeDumper, text: _Text) -> yaml.ScalarNode:
    # Between single quotes YAML folds what it takes for a line's end, and that is more than it says.
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="'" if text.isprintable() else '"')


_Dumper.add_representer(_Text, _quoted)
