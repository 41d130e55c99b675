"""Hypothesis strategies: Sigma rules together with events that often fire them.

Each line of a rule is drawn together with values that should fulfil it (hints); events are made of hints, hints slightly
changed, and noise. Everything survives a round through YAML and JSON.
"""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import yaml
from hypothesis import strategies as st

from .patterns import DASHES

LOGSOURCE = ("generated", None, "tests")
"""the (product, category, service) of every generated rule"""
PLACEHOLDERS = {"Servers": ["srv*", "DC\\?1"], "Administrators": ["adm_anne", "root"], "Nobody": []}
ZONE = ZoneInfo("Europe/Brussels")

SINGLE = [
    *"aAbBkKsSzZ019 .:;,'\"`|&%_$^{}()[]<>=+~#@!",
    "\\",
    "/",
    "*",
    "?",
    "-",
    "\N{EN DASH}",
    "\N{EM DASH}",
    "\N{HORIZONTAL BAR}",
    "\n",
    "\t",
    "\r",
    "\x00",
    "\x1f",
]
ODD = [
    *"éÉßẞΣσςİıŉſǅÅ日😀",
    "\N{KELVIN SIGN}",
    "\N{COMBINING DOT ABOVE}",
    "\N{LINE SEPARATOR}",
    "\N{NO-BREAK SPACE}",
    "\x85",
    "\ufeff",
]
WORDS = [
    "cmd.exe",
    "C:\\Windows\\",
    "\\\\srv\\c$",
    " -enc ",
    " /c ",
    "--flag",
    "powershell",
    "ΟΔΟΣ",
    "STRASSE",
    "null",
    "true",
    "5",
    "0x10",
]
FIELDS = ["Image", "CommandLine", "NewValue", "Threat_Name", "Other", "a.b"]
SPACED = {"NewValue": "New Value", "Threat_Name": "Threat Name"}
OPERATORS = ["lt", "lte", "gt", "gte"]
PARTS = ["minute", "hour", "day", "week", "month", "year"]
EXPRESSIONS: list[tuple[str, list[str]]] = [
    ("a+b", ["xaaby", "AB"]),
    (r"^C:\\Win", ["C:\\Windows", "xC:\\Win", "\nC:\\Win"]),
    (r"\d{3,5}$", ["123", "x12345\n", "12"]),
    ("^$", ["", "a"]),
    (".", ["\n", "a"]),
    ("a.b", ["a\nb", "a-b"]),
    ("^b$", ["a\nb", "b", "b\nc"]),
    ("k", ["\N{KELVIN SIGN}", "K", "k"]),
    ("[é-ë]+", ["É", "ê"]),
    ("(foo|ba[rz]){2}", ["foobar", "BAZbar", "foo"]),
    (r"(?:\s|^)-[eE]", [" -e", "-E", "a-e"]),
    ("s$", ["\N{LATIN SMALL LETTER LONG S}", "S\n"]),
]
NETWORKS: list[tuple[str, list[str]]] = [
    ("10.0.0.0/8", ["10.255.0.1", "11.0.0.1", "::ffff:10.0.0.1", "10.0.0.1 ", "010.0.0.1", "10.0.0"]),
    ("192.168.1.4", ["192.168.1.4", "192.168.1.5"]),
    ("::1/128", ["::1", "0:0:0:0:0:0:0:1", "127.0.0.1"]),
    ("fe80::/10", ["fe80::1", "FE80::1%eth0", "fec0::1"]),
    ("0.0.0.0/0", ["1.2.3.4", "::", "-"]),
]


class Case(NamedTuple):
    """A rule as parsed YAML, and events of flat fields."""

    rule: dict[str, Any]
    events: list[dict[str, Any]]


def rule_text(rule: dict[str, Any]) -> str:
    """The rule as YAML, in ASCII: PyYAML reads back all that it escapes, but not all that it writes as it is."""
    return yaml.safe_dump(rule, sort_keys=False)


@dataclass
class Line:
    """One line of a search: its key and value, and what an event could hold for it."""

    key: str
    value: Any
    hints: list[tuple[str, Any]] = field(default_factory=list)


texts = st.lists(st.sampled_from(SINGLE) | st.sampled_from(WORDS) | st.sampled_from(ODD), max_size=4).map("".join)
numbers = st.integers(-3, 20) | st.sampled_from([4624, 65535, 2**53, 0.5, -0.0, 5.0, 1e16])
noise = texts | numbers | st.booleans() | st.none() | st.just("") | st.lists(texts, max_size=2)


@st.composite
def sigma_strings(draw: st.DrawFn, literal: bool = False) -> tuple[str, str, bool]:
    """A value as a rule writes it, a text it means, and whether it holds no wildcard."""
    pieces = st.tuples(st.just("text"), texts)
    if not literal:
        pieces |= st.sampled_from([("*", ""), ("?", "")])
    written, meant, plain = "", "", True
    for kind, text in draw(st.lists(pieces, min_size=1, max_size=4)):
        if kind == "text":
            written, meant = written + "".join(draw(escaped(each)) for each in text), meant + text
        else:
            plain = False
            written += kind
            meant += draw(texts) if kind == "*" else draw(st.sampled_from(SINGLE + ODD))
    return written, meant, plain


def escaped(character: str) -> st.SearchStrategy[str]:
    """A character in its escaped form; a backslash sometimes bare, whatever that then means."""
    if character in "*?":
        return st.just("\\" + character)
    return st.sampled_from(["\\\\", "\\\\", "\\"]) if character == "\\" else st.just(character)


@st.composite
def pattern_lines(draw: st.DrawFn, name: str) -> Line:
    """Texts with wildcards, edges, dashes, encodings, case."""
    modifiers = draw(
        st.sampled_from(
            [[], [], [], ["windash"], ["base64"], ["base64offset"], ["wide", "base64offset"], ["utf16", "base64"]]
        )
    )
    if draw(st.integers(0, 15)) == 0:
        modifiers = [draw(st.sampled_from(["wide", "utf16le", "utf16be"]))]
    encodings = [modifier for modifier in modifiers if modifier != "windash"]
    edge = draw(st.sampled_from(["", "contains", "contains", "startswith", "endswith"]))
    modifiers = (
        modifiers
        + [edge] * bool(edge)
        + draw(st.sampled_from([[], [], [], ["cased"], ["all"], ["neq"], ["cased", "neq"]]))
    )
    values, hints = [], []
    for _ in range(draw(st.integers(1, 3))):
        written, meant, _ = draw(sigma_strings(literal=bool(encodings)))
        if encodings and encodings[-1][:4] != "base":
            written = meant = "".join(each for each in meant if each.isascii() and each not in "\\*?")
        for _ in range(2):
            text = draw(told(meant, encodings))
            text = {
                "contains": draw(texts) + text + draw(texts),
                "startswith": text + draw(texts),
                "endswith": draw(texts) + text,
            }.get(edge, text)
            hints.append((name, text))
        values.append(written)
    is_alone = len(values) == 1 and draw(st.booleans())
    return Line("|".join([name, *modifiers]), values[0] if is_alone else values, hints)


@st.composite
def told(draw: st.DrawFn, meant: str, encodings: list[str]) -> str:
    """A form in which an event may hold the text: encoded, or with other case and other dashes."""
    if not encodings:
        text = draw(st.sampled_from([meant, meant, meant.upper(), meant.lower(), meant.swapcase(), meant.casefold()]))
        return "".join(draw(st.sampled_from(DASHES + each * 3)) if each in DASHES else each for each in text)
    raw = meant.encode()
    for encoding in encodings:
        if encoding in ("wide", "utf16le"):
            raw = meant.encode("utf-16-le")
        elif encoding == "utf16be":
            raw = meant.encode("utf-16-be")
        elif encoding == "utf16":
            raw = b"\xff\xfe" + meant.encode("utf-16-le")
        else:
            around = draw(st.binary(max_size=3)), draw(st.binary(max_size=3))
            raw = base64.b64encode(around[0] + raw + around[1] if encoding == "base64offset" else raw)
    return raw.decode("utf-8", "replace")


@st.composite
def number_lines(draw: st.DrawFn, name: str) -> Line:
    number = draw(numbers)
    near = [
        number,
        number + 1,
        number - 1,
        str(number),
        f"{number}.0",
        f" {number}",
        f"{number}\n",
        f"{number}e0",
        "x",
        True,
    ]
    if isinstance(number, int):
        near += [hex(number), f"0X{abs(number):X}", f"+{number}", f"{number}_0", float(number)]
    modifiers = draw(st.sampled_from([[], ["neq"], *([each] for each in OPERATORS), ["gte", "neq"]]))
    given: Any = draw(st.sampled_from([number, [number, draw(numbers)]]))
    if modifiers and modifiers[0] in OPERATORS and draw(st.booleans()):
        given = str(number)
    return Line("|".join([name, *modifiers]), given, [(name, each) for each in near])


@st.composite
def nothing_lines(draw: st.DrawFn, name: str) -> Line:
    """null, '', presence, booleans, and patterns that need only some value."""
    key, value = draw(
        st.sampled_from(
            [
                ("", None),
                ("", ""),
                ("", [None, "a"]),
                ("", ["", "b"]),
                ("|neq", None),
                ("|neq", ""),
                ("|exists", True),
                ("|exists", False),
                ("", "*"),
                ("", "?"),
                ("|contains", ""),
                ("|re", ".*"),
                ("|all", ["*", "a*"]),
                ("", True),
                ("", [False, "x"]),
                ("|cased", "True"),
            ]
        )
    )
    hints = [None, "", [], [None, "a"], [""], "a", "b", "ab", "True", "FALSE", True, False, 1, 0]
    return Line(name + key, value, [(name, each) for each in hints])


@st.composite
def expression_lines(draw: st.DrawFn, name: str) -> Line:
    chosen = draw(st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=2))
    flags = draw(st.lists(st.sampled_from("ims"), unique=True))
    join = draw(st.sampled_from([[], [], ["all"], ["neq"]]))
    hints = [(name, example) for _, examples in chosen for example in examples]
    return Line("|".join([name, "re", *flags, *join]), [one for one, _ in chosen], hints)


@st.composite
def network_lines(draw: st.DrawFn, name: str) -> Line:
    chosen = draw(st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=2))
    hints = [(name, example) for _, examples in chosen for example in examples]
    return Line(name + draw(st.sampled_from(["|cidr", "|cidr", "|cidr|neq"])), [one for one, _ in chosen], hints)


@st.composite
def time_lines(draw: st.DrawFn, name: str) -> Line:
    """A part of a time stamp; the stamps stand near turns of the year and of summer time too."""
    stamp = draw(
        st.sampled_from(
            [
                datetime(2024, 12, 30, 23, 30, tzinfo=UTC),
                datetime(2025, 3, 30, 0, 59, tzinfo=UTC),
                datetime(2025, 3, 30, 1, 0, tzinfo=UTC),
                datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
                datetime(2021, 1, 3, 22, 59, 59, tzinfo=UTC),
                datetime(2026, 7, 31, 22, 0, tzinfo=UTC),
            ]
        )
    )
    local = stamp.astimezone(ZONE)
    written = [
        stamp.isoformat(),
        stamp.strftime("%Y-%m-%dT%H:%M:%S.123456Z"),
        stamp.strftime("%Y-%m-%dT%H:%M:%S.1234567Z"),
        local.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S.123"),
        local.strftime("%Y-%m-%dT%H:%M"),
        "yesterday",
        int(stamp.timestamp()),
    ]
    part = draw(st.sampled_from(PARTS))
    number = local.isocalendar().week if part == "week" else getattr(local, part)
    modifiers = draw(st.sampled_from([[], [], ["neq"], *([each] for each in OPERATORS)]))
    given = draw(st.sampled_from([number, number, number + 1, [number - 1, number]]))
    return Line("|".join([name, part, *modifiers]), given, [(name, each) for each in written])


@st.composite
def reference_lines(draw: st.DrawFn, name: str) -> Line:
    other = draw(st.sampled_from([each for each in FIELDS if each != name]))
    edge = draw(st.sampled_from([[], [], ["startswith"], ["endswith"], ["contains"]]))
    more = draw(st.sampled_from([[], [], ["neq"], ["cased"]]))
    text = draw(texts)
    ours = {"startswith": text + draw(texts), "endswith": draw(texts) + text, "contains": draw(texts) + text}.get(
        "".join(edge), text
    )
    hints: list[tuple[str, Any]] = [
        (name, ours),
        (name, ours.upper()),
        (other, text),
        (other, text.lower()),
        (other, [text, "*"]),
        (name, "*"),
    ]
    return Line("|".join([name, "fieldref", *edge, *more]), other, hints)


@st.composite
def placeholder_lines(draw: st.DrawFn, name: str) -> Line:
    edge = draw(st.sampled_from(["", "", "|contains", "|endswith"]))
    value, hints = draw(
        st.sampled_from(
            [
                ("%Servers%", ["srv1", "SRV", "DC?1", "DC21"]),
                ("x-%Administrators%-y", ["x-root-y", "X-ADM_ANNE-Y", "x--y"]),
                ("%Administrators%%Servers%", ["rootsrv", "root"]),
                (["%Administrators%", "guest*"], ["root", "guest1"]),
                ("%Nobody%", ["", "%Nobody%"]),
                ("100%", ["100%"]),
            ]
        )
    )
    return Line(f"{name}|expand{edge}", value, [(name, each) for each in hints])


@st.composite
def keyword_lines(draw: st.DrawFn) -> Line:
    """Unbound values; key '' stands for a plain list, '|all' for the form with AND."""
    drawn = draw(st.lists(sigma_strings(), min_size=1, max_size=2))
    values: list[Any] = [written for written, _, _ in drawn if written] or ["cmd"]
    if draw(st.integers(0, 5)) == 0:
        values.append(draw(st.integers(0, 99)))
    hints: list[tuple[str, Any]] = []
    for _, meant, _ in drawn:
        text = draw(told(meant, []))
        name = draw(st.sampled_from(FIELDS))
        hints += [(name, draw(texts) + text + draw(texts)), (name, [draw(texts), text])]
    return Line(draw(st.sampled_from(["", "|all"])), values, hints)


@cache
def lines(name: str) -> st.SearchStrategy[Line]:
    return st.one_of(
        pattern_lines(name),
        pattern_lines(name),
        number_lines(name),
        nothing_lines(name),
        expression_lines(name),
        network_lines(name),
        time_lines(name),
        reference_lines(name),
        placeholder_lines(name),
    )


@st.composite
def searches(draw: st.DrawFn) -> tuple[Any, list[tuple[str, Any]]]:
    """A search as YAML gives it, and its hints: keywords, a map, or a list of maps and keywords."""
    shape = draw(st.sampled_from(["map", "map", "map", "list", "keywords"]))
    if shape == "keywords":
        line = draw(keyword_lines())
        return (line.value if not line.key else {line.key: line.value}), line.hints
    maps, hints = [], []
    for _ in range(1 if shape == "map" else draw(st.integers(1, 3))):
        drawn = [draw(lines(draw(st.sampled_from(FIELDS)))) for _ in range(draw(st.integers(1, 2)))]
        maps.append({line.key: line.value for line in drawn})
        hints += [hint for line in drawn for hint in line.hints]
    if shape == "list" and draw(st.integers(0, 4)) == 0:
        line = draw(keyword_lines())
        return [*maps, *line.value], hints + line.hints
    return (maps[0] if shape == "map" else maps), hints


@cache
def conditions(*names: str) -> st.SearchStrategy[str]:
    """Conditions over these searches, nested and quantified."""
    shown = [name for name in names if not name.startswith("_")]
    leaves = st.sampled_from(names)
    if shown:
        patterns = ["them", *(name[:3] + "*" for name in shown), *("*" + name[-1] for name in shown), *shown]
        quantities = st.sampled_from(["1", "all", "any", "2"])
        leaves |= st.builds("{} of {}".format, quantities, st.sampled_from(patterns))
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds("({} and {})".format, inner, inner)
            | st.builds("{} or {}".format, inner, inner)
            | st.builds("{} and not {}".format, inner, inner)
            | st.builds("not ({})".format, inner)
        ),
        max_leaves=4,
    )


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A value as it is, or slightly another one."""
    how = draw(st.integers(0, 11))
    if how == 0:
        return [draw(noise_single), value, draw(noise_single)] if not isinstance(value, list) else value[::-1]
    if how == 1 and isinstance(value, str):
        return value[:-1]
    if how == 2 and isinstance(value, str):
        return value + draw(st.sampled_from(SINGLE + ODD))
    if how == 3 and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


noise_single = texts | numbers | st.none()


@st.composite
def events(draw: st.DrawFn, hints: list[tuple[str, Any]]) -> dict[str, Any]:
    """An event of hints and noise; a field's name sometimes in its form with spaces."""
    event: dict[str, Any] = {}
    for name in FIELDS:
        offered = [value for other, value in hints if other == name]
        how = draw(st.integers(0, 9))
        if how == 0 or (how < 5 and not offered):
            continue
        value = draw(mutated(draw(st.sampled_from(offered)))) if offered and how > 1 else draw(noise)
        event[SPACED.get(name, name) if draw(st.integers(0, 3)) == 0 else name] = value
    return event


@st.composite
def rules_and_events(draw: st.DrawFn, *, most: int = 5) -> Case:
    """A rule of LOGSOURCE and two to `most` events."""
    names = draw(
        st.lists(st.sampled_from(["sel_a", "sel_b", "flt_a", "kw", "_hidden"]), min_size=1, max_size=4, unique=True)
    )
    detection: dict[str, Any] = {}
    hints: list[tuple[str, Any]] = []
    for name in names:
        detection[name], more = draw(searches())
        hints += more
    condition = draw(st.sampled_from(names) | conditions(*names) | st.lists(conditions(*names), min_size=1, max_size=2))
    product, _, service = LOGSOURCE
    rule = {
        "title": "Generated",
        "id": "6b1f3f64-1d1c-4a5e-9d38-0c7f6d1f4a10",
        "status": "test",
        "logsource": {"product": product, "service": service},
        "detection": {**detection, "condition": condition},
        "level": "low",
    }
    return Case(rule, draw(st.lists(events(hints), min_size=2, max_size=most)))
