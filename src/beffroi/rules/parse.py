"""Rule files → rules, with each fault at its line. The cold path: pySigma and YAML are imported here only.

Files come from strangers: sizes, nesting, numbers and YAML aliases are bounded, duplicate keys are a fault (YAML would
silently keep the last), and nothing but plain data is built. A refused rule is one fault, however much is wrong with it.
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import re2
import yaml
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RE2RegexEngine
from sigma.rule import SigmaRule
from sigma.rule.base import check_alias_expansion
from sigma.rule.detection import SigmaDetectionItem

from beffroi.core.model import WHOLE, Fault, Message, UnfitError, message
from beffroi.detect.correlation.translate import CorrelationDocument
from beffroi.detect.ir import Rule
from beffroi.detect.translate import Placeholders, UntranslatableError, check_item, translate

LARGEST_FILE = 1 << 20
MOST_DOCUMENTS = 200
DEEPEST = 40
LONGEST_NUMBER = 300  # characters: PyYAML's arithmetic is quadratic in them
MOST_TOLD = 20  # things wrong with one rule
LONGEST_TOLD = 400  # characters of what is quoted of it

_SURELY_SHALLOW = 500  # brackets in a file, or characters in a line, below which no C stack overflows

Parsed = SigmaRule | SigmaCorrelationRule | SigmaFilter


class Document(NamedTuple):
    """One YAML document of a rule file: what pySigma made of it, and its text for finding lines."""

    path: str
    place: int
    text: bytes
    rule: Parsed
    id: str


class _UnwantedError(yaml.constructor.ConstructorError):
    """What YAML allows and a rule may not hold, with the sentence for people."""

    def __init__(self, what: Message, mark: yaml.Mark) -> None:
        super().__init__(None, None, str(what), mark)
        self.what = what


class _Loader(yaml.CSafeLoader):
    """YAML's safe loader that refuses a mapping with the same key twice, merges and numbers longer than anybody's."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":  # merged again and again, a few lines become gigabytes
                what = message("the merge key << is not part of YAML 1.2: write the keys out")
                raise _UnwantedError(what, key.start_mark)
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise _UnwantedError(message("the key {key} stands twice", key=repr(key.value)), key.start_mark)
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep=deep)

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        if len(node.value) > LONGEST_NUMBER:
            what = message("a number of more than {most} characters", most=LONGEST_NUMBER)
            raise _UnwantedError(what, node.start_mark)
        return self.construct_yaml_float(node) if node.tag.endswith("float") else self.construct_yaml_int(node)


for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
    _Loader.add_constructor(_tag, _Loader.construct_number)


class _QuietRegexes(RE2RegexEngine):
    """RE2 writes what it does not accept to stderr; the refused rule already says it."""

    def compile(self, pattern: str, flags: int = 0) -> Any:
        options = re2.Options()
        options.log_errors = False
        prefix = "".join(
            letter for letter, flag in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL)) if flags & flag
        )
        return re2.compile(f"(?{prefix}){pattern}" if prefix else pattern, options)

    def __deepcopy__(self, _memo: object) -> "_QuietRegexes":
        return self  # a filter copies its searches whole, and this holds a module


_POLICY = SigmaPolicy(regex_engine=_QuietRegexes())


def _overflowing(text: bytes) -> int | None:
    """The line (from 1) where a text is nested so deep that PyYAML, which follows it by recursion in C, could crash; found
    in its events, which libyaml gives one after another. None where it is not, or is no YAML."""
    if text.count(b"[") + text.count(b"{") < _SURELY_SHALLOW > max(map(len, text.split(b"\n"))):
        return None
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _SURELY_SHALLOW:
                return event.start_mark.line + 1 if event.start_mark else 1
    except (yaml.YAMLError, UnicodeError):
        return None
    return None


def _too_deep(node: Any) -> bool:
    level = [node]
    for _ in range(DEEPEST):
        level = [
            child
            for part in level
            if isinstance(part, dict | list)
            for child in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return False
    return True


def documents(path: str, text: bytes, faults: list[Fault]) -> Iterator[Document]:
    """The rules of one file; what is none is named in `faults`, all faults of a document together."""
    if len(text) > LARGEST_FILE:
        faults.append(Fault(path, WHOLE, message("larger than {most} MiB: no rule is", most=LARGEST_FILE >> 20)))
        return
    too_deep = _overflowing(text)
    if too_deep is not None:
        faults.append(Fault(path, _line(too_deep), message("nested more than {most} deep", most=DEEPEST)))
        return
    try:
        parsed = list(yaml.load_all(text, Loader=_Loader))
        for body in parsed:
            check_alias_expansion(body)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = _sentence(error) if isinstance(error, _UnwantedError) else error.problem or error.context or ""
        faults.append(Fault(path, _line(mark.line + 1) if mark else WHOLE, message("not YAML: {error}", error=reason)))
        return
    except yaml.reader.ReaderError as error:
        line = text.count(b"\n", 0, error.position) + 1
        faults.append(Fault(path, _line(line), message("not YAML: {error}", error=error.reason)))
        return
    except Exception as error:  # noqa: BLE001 - PyYAML raises what Python's own arithmetic and calendar raise
        faults.append(Fault(path, _line(1), message("not YAML: {error}", error=_sentence(error))))
        return
    if len(parsed) > MOST_DOCUMENTS:
        what = message("{count} documents: more than {most} in one file", count=len(parsed), most=MOST_DOCUMENTS)
        faults.append(Fault(path, WHOLE, what))
        return
    for index, body in enumerate(parsed):
        if body is not None:
            document = _document(path, index, text, body, faults)
            if document is not None:
                yield document


def _document(path: str, index: int, text: bytes, body: Any, faults: list[Fault]) -> Document | None:
    if not isinstance(body, dict):
        faults.append(Fault(path, _Places(text, index).line(), message("not a mapping of names to values")))
        return None
    if _too_deep(body):
        what = message("nested more than {most} deep", most=DEEPEST)
        faults.append(Fault(path, _Places(text, index).line(), what))
        return None
    misshapen = _misshapen(body)
    if misshapen is not None:
        faults.append(Fault(path, _Places(text, index).line(misshapen[0]), misshapen[1]))
        return None
    kinds: dict[str, type[Parsed]] = {
        "detection": SigmaRule, "correlation": CorrelationDocument, "filter": SigmaFilter,
    }  # fmt: skip
    named = [name for name in kinds if name in body]
    kind = kinds["correlation" if "correlation" in named else named[0]]
    try:
        rule = kind.from_dict(body, collect_errors=True, policy=_POLICY)
        errors: list[Exception] = list(rule.errors)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's file makes pySigma raise is a refused rule
        rule, errors = None, [error]
    if errors or rule is None:
        faults.append(_fault(path, text, index, errors))
        return None
    return Document(path, index, text, rule, str(rule.id) if rule.id else _made_id(text, index))


def _misshapen(body: dict[Any, Any]) -> tuple[str, Message] | None:
    """(key, sentence) where a document is so unlike a rule that pySigma would stumble instead of saying so."""
    if "action" in body:
        return "action", message("`action` (global, reset, repeat) is Sigma before version 2: write each rule whole")
    parts = [name for name in ("detection", "correlation", "filter") if name in body]
    if not parts:
        return "", message("neither a detection, nor a correlation, nor a filter")
    for name in parts:
        if not isinstance(body[name], dict):
            return name, message("`{name}` is not a mapping of names to values", name=name)
    names = body.get("correlation", {}).get("group-by", [])
    if isinstance(names, list) and not all(isinstance(name, str) for name in names):
        return "group-by", message("`group-by` is not a list of the names of fields")
    if not isinstance(body.get("id", ""), str | None):
        return "id", message("the id is not a text: it must be a UUID")
    condition = body.get("detection", {}).get("condition", "")
    if not all(isinstance(each, str) for each in (condition if isinstance(condition, list) else [condition])):
        return "condition", message("the condition is not a text")
    return None


def _made_id(text: bytes, index: int) -> str:
    """An id for a rule that has none: the same text, the same id."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{index}:{text.decode('utf-8', 'replace')}"))


def translated(
    found: Iterable[Document], placeholders: Placeholders, faults: list[Fault]
) -> tuple[list[Rule], list[tuple[Document, SigmaCorrelationRule]]]:
    """(rules, correlations): filters are applied, rules translated; correlations are left to their own translator."""
    rules: list[tuple[Document, SigmaRule]] = []
    correlations: list[tuple[Document, SigmaCorrelationRule]] = []
    filters: list[SigmaFilter] = []
    owner: dict[str, str] = {}
    for document in found:
        if isinstance(document.rule, SigmaFilter):
            filters.append(document.rule)
            continue
        if document.id in owner:
            where = _Places(document.text, document.place).line("id")
            what = message("the id {id} is taken by {path}", id=document.id, path=owner[document.id])
            faults.append(Fault(document.path, where, what))
            continue
        owner[document.id] = document.path
        if isinstance(document.rule, SigmaCorrelationRule):
            correlations.append((document, document.rule))
        else:
            rules.append((document, document.rule))
    out = []
    for document, rule in rules:
        try:
            for each in filters:
                each.apply_on_rule(rule)
            out.append(translate(rule, rule_id=document.id, path=document.path, placeholders=placeholders))
        except Exception as error:  # noqa: BLE001 - see _document
            faults.append(_fault(document.path, document.text, document.place, [error]))
    return out, correlations


def refused(document: Document, error: Exception) -> Fault:
    """A correlation that cannot be evaluated, at its line."""
    return Fault(document.path, _Places(document.text, document.place).line("correlation"), _sentence(error))


_OBJECT = re.compile(r"<(?:\w+\.)*(\w+) object at 0x[0-9a-f]+>")


def _sentence(error: Exception) -> Message:
    if isinstance(error, UnfitError | _UnwantedError):
        return _short(error.what)
    if isinstance(error.__cause__, UnfitError):  # in pySigma's clothes
        return _short(error.__cause__.what)
    if isinstance(error, RecursionError):
        return message("nested too deeply")
    text = _short_text(str(error.args[0] if error.args else type(error).__name__))
    if isinstance(error, _WELL_SAID):
        return message("{error}", error=text)  # the other languages say whose English it is
    return message("not built as Sigma's rules are ({error})", error=text)


def _short(what: Message) -> Message:
    """The message with what it quotes cut short: a stranger wrote it."""
    values = ((name, _short_text(value) if isinstance(value, str) else value) for name, value in what.values)
    return what._replace(values=tuple(values))


def _short_text(text: str) -> str:
    return _OBJECT.sub(r"\1", " ".join(text.split()))[:LONGEST_TOLD]


_WELL_SAID = (SigmaError, yaml.YAMLError, UnicodeError, ValueError)
"""What speaks of the rule; anything else is pySigma stumbling over it."""


def _fault(path: str, text: bytes, index: int, errors: list[Exception]) -> Fault:
    """All that is wrong with one document as one fault, at the line of the first."""
    places = _Places(text, index)
    told = list(places.faulty_items())
    known = {sentence for _, sentence in told}
    for error in errors:
        sentence = _sentence(error)
        if sentence not in known and (isinstance(error, _WELL_SAID) or not told):
            told.append((places.number(error), sentence))
    told = sorted(dict.fromkeys(told), key=lambda each: (each[0], str(each[1])))
    (first, what), *others = told[:MOST_TOLD]
    for line, other in others:
        what = message("{told}; {place}: {what}", told=what, place=_line(line), what=other)
    if len(told) > MOST_TOLD:
        what = message("{told}; and {count} more", told=what, count=len(told) - MOST_TOLD)
    return Fault(path, _line(first), what)


# --- finding the line ---------------------------------------------------------------------------------------------

_KEYS = {
    "SigmaConditionError": "condition", "SigmaLogsourceError": "logsource", "SigmaLevelError": "level",
    "SigmaStatusError": "status", "SigmaDateError": "date", "SigmaModifiedError": "modified",
    "SigmaIdentifierError": "id", "SigmaTitleError": "title", "SigmaTagsError": "tags",
    "SigmaRelatedError": "related", "SigmaFieldsError": "fields", "SigmaFalsePositivesError": "falsepositives",
    "SigmaReferencesError": "references", "SigmaNameError": "name", "SigmaTagError": "tags",
    "SigmaDetectionError": "detection", "SigmaValueError": "tags", "SigmaTimespanError": "timespan",
    "SigmaCorrelationRuleError": "correlation", "SigmaCorrelationTypeError": "type",
    "SigmaCorrelationConditionError": "condition", "SigmaFilterConditionError": "condition",
    "SigmaFilterRuleReferenceError": "rules",
}  # fmt: skip


def _line(number: int) -> Message:
    return message("line {line}", line=number)


class _Places:
    """Where things stand in one document; made only when something is wrong with it."""

    def __init__(self, text: bytes, index: int) -> None:
        try:
            nodes = list(yaml.compose_all(text, Loader=_Loader))
        except (yaml.YAMLError, RecursionError):
            nodes = []
        self._root: yaml.Node | None = nodes[index] if index < len(nodes) else None

    def line(self, key: str | None = None) -> Message:
        """The place ("line N") of the first key of that name, else of the document's start."""
        return _line(self._number(key))

    def number(self, error: Exception) -> int:
        """The line (from 1) of the key that an error is about."""
        if isinstance(error, UntranslatableError):
            return self._number("detection")
        return self._number(_KEYS.get(type(error).__name__))

    def _number(self, key: str | None) -> int:
        if self._root is None:
            return 1
        found = _key(self._root, key) if key else None
        if found is None and key == "condition":
            found = _key(self._root, "detection")
        return int((found or self._root).start_mark.line) + 1

    def faulty_items(self) -> Iterator[tuple[int, Message]]:
        """(line, sentence) of each detection item that cannot be built or translated even on its own."""
        if not isinstance(self._root, yaml.MappingNode):
            return
        for key, value in self._root.value:
            if key.value in ("detection", "filter") and isinstance(value, yaml.MappingNode):
                for name, part in value.value:
                    if name.value not in ("condition", "rules", "timeframe"):
                        yield from _faulty_parts(part)


def _key(node: yaml.Node, name: str) -> yaml.Node | None:
    """The first key of that name, outermost first."""
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, _ in node.value:
        if key.value == name:
            return key  # type: ignore[no-any-return]
    for _, value in node.value:
        found = _key(value, name)
        if found is not None:
            return found
    return None


def _faulty_parts(node: yaml.Node) -> Iterator[tuple[int, Message]]:
    if isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from _faulty_parts(part)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        line = int(key.start_mark.line) + 1
        if key.tag != "tag:yaml.org,2002:str":
            yield line, message("the name of a field must be a text: put {name} in quotes", name=str(key.value))
            continue
        try:
            plain: Any = _Loader(yaml.serialize(value, Dumper=yaml.CSafeDumper)).get_single_data()
            check_item(SigmaDetectionItem.from_mapping(key.value, plain, policy=_POLICY))
        except Exception as error:  # noqa: BLE001 - any failure marks the item
            yield line, _sentence(error)


def placeholders_from(text: str) -> Mapping[str, list[str]]:
    """A placeholder file: YAML of names to a text or a list of texts. Raises UnfitError."""
    try:
        body = yaml.safe_load(text)
    except Exception as error:  # noqa: BLE001 - see documents
        raise UnfitError(message("not YAML: {error}", error=" ".join(str(error).split()))) from None
    if not isinstance(body, dict):
        raise UnfitError(message("it is not a mapping of names to lists of values"))
    lists: dict[str, list[str]] = {}
    for name, values in body.items():
        listed = values if isinstance(values, list) else [] if values is None else [values]
        if not all(isinstance(value, str | int) for value in listed):
            raise UnfitError(message("the values of {name} are not texts", name=str(name)))
        lists[str(name).strip("%")] = [str(value) for value in listed]
    return lists
