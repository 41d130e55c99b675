"""Rule files → rules, with each fault at its line. The cold path: pySigma and YAML are imported here only.

Files come from strangers: sizes, nesting and YAML aliases are bounded, duplicate keys are a fault (YAML would silently
keep the last), and nothing but plain data is built.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import yaml
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule
from sigma.rule.base import check_alias_expansion
from sigma.rule.detection import SigmaDetectionItem

from beffroi.core.model import Fault
from beffroi.detect.correlation.translate import CorrelationDocument
from beffroi.detect.ir import Rule
from beffroi.detect.translate import Placeholders, UntranslatableError, check_item, translate

LARGEST_FILE = 1 << 20
MOST_DOCUMENTS = 200
DEEPEST = 40

Parsed = SigmaRule | SigmaCorrelationRule | SigmaFilter


class Document(NamedTuple):
    """One YAML document of a rule file: what pySigma made of it, and its text for finding lines."""

    path: str
    place: int
    text: bytes
    rule: Parsed
    id: str


class _Loader(yaml.CSafeLoader):
    """YAML's safe loader that refuses a mapping with the same key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            seen: set[Any] = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return mapping


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
        faults.append(Fault(path, "", f"larger than {LARGEST_FILE >> 20} MiB: no rule is"))
        return
    try:
        parsed = list(yaml.load_all(text, Loader=_Loader))
        for body in parsed:
            check_alias_expansion(body)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark else ""
        faults.append(Fault(path, place, f"not YAML: {error.problem or error.context}"))
        return
    except (yaml.YAMLError, SigmaError, UnicodeError, ValueError, RecursionError) as error:
        faults.append(Fault(path, "line 1", f"not YAML: {_sentence(error)}"))
        return
    if len(parsed) > MOST_DOCUMENTS:
        faults.append(Fault(path, "", f"{len(parsed)} documents: more than {MOST_DOCUMENTS} in one file"))
        return
    for index, body in enumerate(parsed):
        if body is not None:
            document = _document(path, index, text, body, faults)
            if document is not None:
                yield document


def _document(path: str, index: int, text: bytes, body: Any, faults: list[Fault]) -> Document | None:
    if not isinstance(body, dict) or _too_deep(body):
        what = f"nested more than {DEEPEST} deep" if isinstance(body, dict) else "not a mapping of names to values"
        faults.append(Fault(path, _line(text, index), what))
        return None
    kinds: dict[str, type[Parsed]] = {
        "detection": SigmaRule, "correlation": CorrelationDocument, "filter": SigmaFilter,
    }  # fmt: skip
    named = [name for name in kinds if name in body]
    if not named:
        faults.append(Fault(path, _line(text, index), "neither a detection, nor a correlation, nor a filter"))
        return None
    kind = kinds["correlation" if "correlation" in named else named[0]]
    try:
        rule = kind.from_dict(body, collect_errors=True)
        errors: list[Exception] = list(rule.errors)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's file makes pySigma raise is a refused rule
        rule, errors = None, [error]
    if errors or rule is None:
        faults.extend(Fault(path, _line(text, index, error), _sentence(error)) for error in errors)
        return None
    return Document(path, index, text, rule, str(rule.id) if rule.id else _made_id(text, index))


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
            where = _line(document.text, document.place, key="id")
            faults.append(Fault(document.path, where, f"the id {document.id} is taken by {owner[document.id]}"))
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
            faults.append(Fault(document.path, _line(document.text, document.place, error), _sentence(error)))
    return out, correlations


def refused(document: Document, error: Exception) -> Fault:
    """A correlation that cannot be evaluated, at its line."""
    return Fault(document.path, _line(document.text, document.place, key="correlation"), _sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = str(error.args[0]) if error.args else type(error).__name__
    return " ".join(text.split())[:400]


# --- finding the line ---------------------------------------------------------------------------------------------

_KEYS = {
    "SigmaConditionError": "condition", "SigmaLogsourceError": "logsource", "SigmaLevelError": "level",
    "SigmaStatusError": "status", "SigmaDateError": "date", "SigmaModifiedError": "modified",
    "SigmaIdentifierError": "id", "SigmaTitleError": "title", "SigmaTagsError": "tags",
    "SigmaRelatedError": "related", "SigmaFieldsError": "fields", "SigmaFalsePositivesError": "falsepositives",
    "SigmaReferencesError": "references", "SigmaNameError": "name", "SigmaTimespanError": "timespan",
    "SigmaCorrelationRuleError": "correlation", "SigmaCorrelationTypeError": "type",
    "SigmaCorrelationConditionError": "condition", "SigmaFilterConditionError": "condition",
    "SigmaFilterRuleReferenceError": "rules",
}  # fmt: skip


def _line(text: bytes, index: int, error: Exception | None = None, key: str | None = None) -> str:
    """Where, as "line N": the detection item that fails on its own, else of the key the error is about, else of the document's start."""
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, RecursionError):
        return "line 1"
    if index >= len(nodes):
        return "line 1"
    root = nodes[index]
    if error is not None and key is None:
        item = _failing_item(root)
        if item is not None and type(error).__name__ not in ("SigmaConditionError", "SigmaLogsourceError"):
            return f"line {item.start_mark.line + 1}"
        key = _KEYS.get(type(error).__name__, "detection" if isinstance(error, UntranslatableError) else None)
    found = _key(root, key) if key else None
    return f"line {(found or root).start_mark.line + 1}"


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


def _failing_item(root: yaml.Node) -> yaml.Node | None:
    """The key of the first detection item that cannot be built or translated on its own."""
    if not isinstance(root, yaml.MappingNode):
        return None
    for key, value in root.value:
        if key.value in ("detection", "filter") and isinstance(value, yaml.MappingNode):
            for name, part in value.value:
                if name.value not in ("condition", "rules", "timeframe"):
                    found = _failing_part(part)
                    if found is not None:
                        return found
    return None


def _failing_part(node: yaml.Node) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode):
        return next((found for part in node.value if (found := _failing_part(part)) is not None), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        try:
            plain: Any = yaml.safe_load(yaml.serialize(value))
            check_item(SigmaDetectionItem.from_mapping(str(key.value), plain))
        except Exception:  # noqa: BLE001 - any failure marks the item
            return key  # type: ignore[no-any-return]
    return None


def placeholders_from(text: str, path: str) -> Mapping[str, list[str]]:
    """A placeholder file: YAML of names to a text or a list of texts. Raises ValueError with a sentence."""
    body = yaml.safe_load(text)
    if not isinstance(body, dict):
        raise ValueError(f"{path} is not a mapping of names to lists of values")
    lists: dict[str, list[str]] = {}
    for name, values in body.items():
        listed = values if isinstance(values, list) else [] if values is None else [values]
        if not all(isinstance(value, str | int) for value in listed):
            raise ValueError(f"{path}: the values of {name} are not texts")
        lists[str(name).strip("%")] = [str(value) for value in listed]
    return lists
