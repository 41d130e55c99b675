"""One line of a rule's search: a field, its modifiers and values, as a test on an event.

Modifiers: Sigma specification, modifiers appendix 2.1.0.
"""

import base64
import ipaddress
import itertools
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import re2

from . import patterns, values
from .errors import Unsupported
from .patterns import Mark, Pattern

EDGES = {"contains": (True, True), "startswith": (False, True), "endswith": (True, False)}
"""modifier -> anything may stand before, after"""
COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
TIME_PARTS = ("minute", "hour", "day", "week", "month", "year")
ENCODINGS = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16-le"}
BYTE_ORDER_MARK = b"\xff\xfe"
FLAGS = ("i", "m", "s")
TEXTUAL = (*EDGES, *ENCODINGS, "windash", "base64", "base64offset", "expand")
"""modifiers of values that are compared as patterns"""
KNOWN = ("all", "neq", "cased", "exists", "re", "cidr", "fieldref", *TEXTUAL, *COMPARISONS, *TIME_PARTS, *FLAGS)
PLACEHOLDER = re.compile(r"(?<!\\)%(\w+)%")


@dataclass
class View:
    """An event as the atoms see it."""

    fields: dict[str, Any]
    zone: ZoneInfo
    original: dict[str, Any]
    """the fields before any translation: keywords search these"""

    def find(self, name: str) -> tuple[bool, Any]:
        """Whether the field is there, and its value. A name with spaces is also known without them or with underscores."""
        if name in self.fields:
            return True, self.fields[name]
        for other, value in self.fields.items():
            if " " in other and name in (other.replace(" ", ""), other.replace(" ", "_")):
                return True, value
        return False, None

    def value(self, name: str) -> Any:
        return self.find(name)[1]


Test = Callable[[View], bool]
Single = Callable[[str, View], bool]
"""a test on the text of one value"""


@dataclass
class Scope:
    """What compiling a rule needs to know and what it finds out."""

    placeholders: dict[str, list[str]]
    blind: set[str]
    """placeholders without values"""


def item(key: str | None, given: Any, scope: Scope) -> Test:
    """The test of `field|modifier|…: value(s)`; without a field name it is a search for keywords."""
    field, *modifiers = (key or "").split("|")
    check_modifiers(modifiers)
    given_list = given if isinstance(given, list) else [given]
    join = all if "all" in modifiers else any
    if field:
        parts = [on_field(field, modifiers, value, scope) for value in (given_list or [None])]
    else:
        parts = [keyword(modifiers, value, scope) for value in given_list]
    if not parts:
        raise Unsupported("a search for keywords without a keyword")
    if "neq" in modifiers:
        return lambda view: not join(part(view) for part in parts)
    return lambda view: join(part(view) for part in parts)


def check_modifiers(modifiers: list[str]) -> None:
    """Refuse what is unknown and what makes no sense together."""
    for modifier in modifiers:
        if modifier not in KNOWN:
            raise Unsupported(f"the modifier {modifier!r} is unknown")
    kinds = {name for name in modifiers if name in ("re", "cidr", "exists", "fieldref", *COMPARISONS)}
    if len(kinds) > 1:
        raise Unsupported(f"the modifiers {', '.join(sorted(kinds))} exclude each other")
    textual = {name for name in modifiers if name in TEXTUAL}
    allowed = {"fieldref": set(EDGES), "re": {"contains"}}.get(next(iter(kinds), ""), set())
    parts = [name for name in modifiers if name in TIME_PARTS]
    if (kinds or parts) and textual - allowed:
        raise Unsupported(f"the modifiers {', '.join(sorted(textual - allowed))} need a text")
    if len(parts) > 1 or (parts and kinds - set(COMPARISONS)):
        raise Unsupported(f"the modifiers {', '.join(sorted({*parts, *kinds}))} exclude each other")
    if "re" not in kinds and any(name in FLAGS for name in modifiers):
        raise Unsupported("i, m and s belong to re")


def on_field(field: str, modifiers: list[str], value: Any, scope: Scope) -> Test:
    """The test of one value on one field."""
    if "exists" in modifiers:
        if not isinstance(value, bool):
            raise Unsupported("exists takes true or false")
        return lambda view: view.find(field)[0] is value
    if "fieldref" in modifiers:
        return field_reference(field, modifiers, value)
    if is_empty(value, modifiers):
        return lambda view: values.lacks_value(view.value(field))
    test = single(modifiers, value, scope)
    return lambda view: any(test(text, view) for text in values.texts(view.value(field)))


def is_empty(value: Any, modifiers: list[str]) -> bool:
    """Whether the rule asks for "no value": null, or '' unless a wildcard is put around it."""
    if value is None and any(name not in ("all", "neq", "cased") for name in modifiers):
        raise Unsupported("null takes no modifier but all, neq and cased")
    takes_empty = any(name in (*EDGES, *COMPARISONS, *TIME_PARTS, "re", "cidr") for name in modifiers)
    return value is None or (value == "" and not takes_empty)


def keyword(modifiers: list[str], value: Any, scope: Scope) -> Test:
    """The test of one keyword: contained in the text of any value of the event as it was recorded."""
    if value is None or any(name in ("exists", "fieldref", "neq") for name in modifiers):
        raise Unsupported("a keyword is a text or a number")
    anchored = any(name in modifiers for name in (*EDGES, *COMPARISONS, *TIME_PARTS, "re", "cidr"))
    test = single(modifiers if anchored else [*modifiers, "contains"], value, scope)
    return lambda view: any(test(text, view) for found in view.original.values() for text in values.texts(found))


def single(modifiers: list[str], value: Any, scope: Scope) -> Single:
    """The test of one value on the text of one value of an event."""
    if isinstance(value, bool):
        value = values.text(value)
    if not isinstance(value, str | int | float):
        raise Unsupported(f"a value of the kind {type(value).__name__} cannot be compared")
    part = next((name for name in modifiers if name in TIME_PARTS), None)
    comparison = next((name for name in modifiers if name in COMPARISONS), None)
    if part:
        return on_time(part, COMPARISONS.get(comparison or "", operator.eq), a_number(value))
    if comparison:
        return on_number(COMPARISONS[comparison], a_number(value))
    if "re" in modifiers:
        return on_expression(modifiers, value)
    if "cidr" in modifiers:
        return on_network(value)
    return on_pattern(modifiers, value, scope)


def a_number(value: Any) -> Decimal:
    wanted = values.number(str(value))
    if wanted is None:
        raise Unsupported(f"{value!r} is no number")
    return wanted


def on_number(compare: Callable[[Decimal, Decimal], bool], wanted: Decimal) -> Single:
    def test(text: str, view: View) -> bool:
        found = values.number(text)
        return found is not None and compare(found, wanted)

    return test


def on_time(part: str, compare: Callable[[Decimal, Decimal], bool], wanted: Decimal) -> Single:
    def test(text: str, view: View) -> bool:
        stamp = values.moment(text, view.zone)
        return stamp is not None and compare(Decimal(values.time_part(stamp, part)), wanted)

    return test


def on_expression(modifiers: list[str], value: Any) -> Single:
    """A regular expression, searched anywhere, in RE2's dialect."""
    if not isinstance(value, str):
        raise Unsupported("a regular expression is a text")
    flags = "".join(flag for flag in FLAGS if flag in modifiers)
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(f"(?{flags}){value}" if flags else value, options)
    except re2.error as error:
        raise Unsupported(f"RE2 does not take the regular expression {value!r}: {error}") from error
    return lambda text, view: compiled.search(text) is not None


def on_network(value: Any) -> Single:
    try:
        network = ipaddress.ip_network(str(value))
    except ValueError as error:
        raise Unsupported(f"{value!r} is no network: {error}") from error

    def test(text: str, view: View) -> bool:
        found = values.address(text)
        return found is not None and found in network

    return test


def field_reference(field: str, modifiers: list[str], other: Any) -> Test:
    """The text of another field, taken literally, in place of a value."""
    if not isinstance(other, str) or not other:
        raise Unsupported("fieldref names a field")
    before, after = edges(modifiers)

    def test(view: View) -> bool:
        ours, theirs = values.texts(view.value(field)), values.texts(view.value(other))
        pairs = itertools.product(ours, theirs)
        if "cased" not in modifiers:
            pairs = itertools.product([text.lower() for text in ours], [text.lower() for text in theirs])
        if before and after:
            return any(wanted in text for text, wanted in pairs)
        if before:
            return any(text.endswith(wanted) for text, wanted in pairs)
        if after:
            return any(text.startswith(wanted) for text, wanted in pairs)
        return any(text == wanted for text, wanted in pairs)

    return test


def edges(modifiers: list[str]) -> tuple[bool, bool]:
    """Whether anything may stand before, after the value."""
    opened = [EDGES[name] for name in modifiers if name in EDGES]
    return any(before for before, _ in opened), any(after for _, after in opened)


def on_pattern(modifiers: list[str], value: Any, scope: Scope) -> Single:
    """A text with wildcards, in all the forms its modifiers ask for."""
    if "expand" in modifiers:
        written = list(expanded(value, scope))
    else:
        written = [patterns.parse(value) if isinstance(value, str) else list(values.text(value))]
    before, after = edges(modifiers)
    expressions = []
    for pattern in written:
        for form in encoded(pattern, modifiers):
            opened = [*([Mark.ANY] if before else []), *form, *([Mark.ANY] if after else [])]
            expressions.append(patterns.expression(opened if "cased" in modifiers else patterns.lowered(opened)))
    if "cased" in modifiers:
        return lambda text, view: any(one.fullmatch(text) for one in expressions)
    return lambda text, view: any(one.fullmatch(text.lower()) for one in expressions)


def expanded(value: Any, scope: Scope) -> Iterator[Pattern]:
    """The value with each %placeholder% replaced by each of its values; a placeholder without values makes the rule blind."""
    if not isinstance(value, str):
        raise Unsupported("expand takes a text")
    pieces = PLACEHOLDER.split(value)  # text, name, text, name, …, text
    for name in pieces[1::2]:
        if not scope.placeholders.get(name):
            scope.blind.add(name)
    choices = [
        [patterns.parse(each) for each in scope.placeholders.get(piece, [])]
        if i % 2
        else [patterns.parse(piece, percent=True)]
        for i, piece in enumerate(pieces)
    ]
    for choice in itertools.product(*choices):
        yield list(itertools.chain.from_iterable(choice))


def encoded(pattern: Pattern, modifiers: list[str]) -> Iterator[Pattern]:
    """The forms of a pattern after windash and the encodings, applied in the given order."""
    forms: list[Pattern | bytes] = [pattern]
    for i, modifier in enumerate(modifiers):
        if modifier == "windash":
            forms = [patterns.with_flag_dashes(text_form(form)) for form in forms]
        elif modifier in ENCODINGS:
            spelled = [single for form in forms for single in patterns.spelled_out(text_form(form))]
            forms = [utf16(plain_text(form, modifier), modifier) for form in spelled]
        elif modifier in ("base64", "base64offset"):
            if any(earlier in EDGES for earlier in modifiers[:i]):
                raise Unsupported(f"{modifier} comes before contains, startswith and endswith")
            shifts = (0, 1, 2) if modifier == "base64offset" else (None,)
            forms = [
                list(base64_of(raw, shift)) for form in forms for raw in raw_forms(form, modifier) for shift in shifts
            ]
    for form in forms:
        yield text_form(form)


def plain_text(pattern: Pattern, modifier: str) -> str:
    text = patterns.literal(pattern)
    if text is None:
        raise Unsupported(f"{modifier} cannot encode a wildcard")
    return text


def text_form(form: Pattern | bytes) -> Pattern:
    """Bytes compared with text: only what is also UTF-8 can stand in a field."""
    if not isinstance(form, bytes):
        return form
    try:
        return list(form.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unsupported("UTF-16 of this value is no text; encode it with base64 or base64offset") from error


def raw_forms(form: Pattern | bytes, modifier: str) -> list[bytes]:
    if isinstance(form, bytes):
        return [form]
    return [plain_text(single, modifier).encode() for single in patterns.spelled_out(form)]


def utf16(text: str, modifier: str) -> bytes:
    """The bytes of a text. As in pySigma, no mark stands before an empty one."""
    return (BYTE_ORDER_MARK if modifier == "utf16" and text else b"") + text.encode(ENCODINGS[modifier])


def base64_of(raw: bytes, shift: int | None) -> str:
    """Base64 of the bytes; with a shift, only the characters that do not depend on what stands before and after.

    A base64 character holds six bits: `shift` foreign bytes in front spoil ceil(8 * shift / 6) characters, and at the end a
    character that is not filled entirely by our bits depends on the byte that follows.
    """
    if shift is None:
        return base64.b64encode(raw).decode()
    bits = 8 * (shift + len(raw))
    return base64.b64encode(bytes(shift) + raw).decode()[-(-8 * shift // 6) : bits // 6]
