"""Filters of the store → what is normal: tests of what rules find. Pure; YAML and pySigma are loaded only where there is a filter."""

from collections.abc import Callable, Iterable
from datetime import UTC
from functools import lru_cache
from typing import Any, Final

import msgspec

from beffroi.core.model import Fields
from beffroi.detect.atoms import value_test
from beffroi.detect.ir import Expr, fields_of
from beffroi.detect.values import text_of

MACHINE: Final = ("Computer", "hostname")
ACCOUNT: Final = (
    "User", "SourceUser", "SubjectUserName", "TargetUserName", "username", "by_user", "target_user", "cs-username", "UserId", "MemberName",
)  # fmt: skip
ADDRESS: Final = ("IpAddress", "ClientAddress", "SourceIp", "SourceAddress", "src_ip", "c-ip", "ClientIP")
PROGRAM: Final = ("Image", "NewProcessName", "ProcessName", "SourceImage", "ParentImage", "TargetImage")
THING: Final = (
    "CommandLine", "TargetObject", "TargetFilename", "RelativeTargetName", "ShareName", "share", "Filename", "c-uri", "ServiceName",
    "ImagePath", "TaskName", "PipeName", "QueryName", "query",
)  # fmt: skip

SPECIFIC: Final = (*MACHINE, *ACCOUNT, *ADDRESS, *PROGRAM, *THING)
"""Fields that say who, where and what: of these a filter is made where nobody says otherwise, and a match keeps them although its rule
looks at none of them. What changes each time (numbers of processes, ports, sessions) is not among them."""

TITLE: Final = "Normal: "
"""How the title of a filter begins; its rule's follows."""


class Filter(msgspec.Struct, frozen=True):
    """A filter as it is read back: the rule that it is for, the title of that rule, and its selection as Sigma writes it."""

    rule: str
    title: str
    selection: dict[str, Any]


Test = Callable[[Fields], bool]
"""Whether a filter holds for an event's fields."""


def read(text: str) -> Filter:
    """The filter that `filters.written` wrote. Raises ValueError where it is none."""
    import yaml

    try:
        body = yaml.load(text, Loader=yaml.CSafeLoader)
        [rule], selection = body["filter"]["rules"], body["filter"]["selection"]
        if body["filter"]["condition"] != "not selection" or not selection:
            raise ValueError(text)
        return Filter(str(rule), str(body["title"]).removeprefix(TITLE), dict(selection))
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(text) from error


@lru_cache(maxsize=1_024)
def compiled(text: str) -> Test:
    """The test whether a filter holds for fields. Raises ValueError where the text is no filter."""
    from beffroi.detect.translate import UntranslatableError, translate_selection

    try:
        expr = translate_selection(read(text).selection)
    except UntranslatableError as error:
        raise ValueError(text) from error
    parts: list[Expr] = expr[1] if isinstance(expr, list) and expr[0] == "and" else [expr]
    tests = [(fields_of(part)[0], value_test(part, UTC)) for part in parts if fields_of(part)]
    if len(tests) != len(parts):  # whatever it is, it must not hold for everything
        raise ValueError(text)

    def holds(fields: Fields) -> bool:
        return all(test(text_of(fields.get(name))) for name, test in tests)

    return holds


class Normals:
    """What is normal now: filters by their rule."""

    def __init__(self, filters: Iterable[tuple[int, str, str]] = ()) -> None:
        """`filters` are (id, id of the rule, document); what cannot be read hides nothing."""
        self.unread: list[int] = []
        self._tests: dict[str, list[tuple[int, Test]]] = {}
        for number, rule, text in filters:
            try:
                self._tests.setdefault(rule, []).append((number, compiled(text)))
            except ValueError:
                self.unread.append(number)

    def hides(self, rule: str, fields: Fields) -> int | None:
        """The id of a filter that holds for what a rule found; None where there is none."""
        for number, test in self._tests.get(rule, ()):
            if test(fields):
                return number
        return None
