"""Folders of rule files → the rules that can be evaluated, the correlations, and what was refused.

The same files are translated once and kept (cache.py); a start from the cache loads neither pySigma nor YAML.
"""

import hashlib
import os
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from beffroi import __version__
from beffroi.core.errors import InputError
from beffroi.core.model import Fault, UnfitError, message
from beffroi.core.wording import shown
from beffroi.detect.ir import Rule
from beffroi.rules import cache

if TYPE_CHECKING:
    from beffroi.detect.correlation import Correlation

PACK = Path(__file__).parent / "pack"
"""Beffroi's own rules."""

TRANSLATION = "19"  # counts up whenever the same text translates otherwise

BLOCK = 1 << 16  # bytes, more than nearly every rule file has
_SUFFIXES = (".yml", ".yaml")


class RuleSet(NamedTuple):
    """All that a folder of rules gave, in the order of its files."""

    rules: tuple[Rule, ...]
    correlations: tuple["Correlation", ...]
    refused: tuple[Fault, ...]
    fingerprint: str


def load(
    paths: Sequence[Path],
    *,
    placeholders: Mapping[str, Sequence[str]] | None = None,
    cache_folder: Path | None = None,
    aside: bool = False,
) -> RuleSet:
    """The rules of folders and files, each file once. Raises InputError where a path is missing or holds no rule file.

    `aside`: what is not in the cache is translated by a process that ends then. For a process that lives long, and has one thread:
    what pySigma and YAML take would stay with it.
    """
    texts = _read(paths)
    fingerprint = _fingerprint(texts, placeholders or {})
    if cache_folder is None:
        return _translated(texts, placeholders or {}, fingerprint)
    kept = _cached(cache_folder, fingerprint)
    if kept is None and aside:
        if (child := os.fork()) == 0:
            try:
                cache.write(cache_folder, fingerprint, _kept(_translated(texts, placeholders or {}, fingerprint)))
            finally:
                os._exit(0)  # whatever failed there fails below, and is told
        os.waitpid(child, 0)
        kept = _cached(cache_folder, fingerprint)
    if kept is None:
        kept = _translated(texts, placeholders or {}, fingerprint)
        cache.write(cache_folder, fingerprint, _kept(kept))
    return kept


def _cached(folder: Path, fingerprint: str) -> RuleSet | None:
    kept = cache.read(folder, fingerprint)
    return None if kept is None else _restored(kept, fingerprint)


def _read(paths: Iterable[Path]) -> list[tuple[str, bytes]]:
    """(path, text) of every rule file, each file once, folders in the order of their names."""
    found: dict[str, bytes] = {}
    for path in paths:
        before = len(found)
        try:
            if path.is_dir():
                _walk(os.path.realpath(path), found)
            else:
                found.setdefault(os.path.realpath(path), path.read_bytes())
        except OSError as error:
            raise InputError(
                path=error.filename or path,
                reason=message("cannot be read: {error}", error=error.strerror or str(error)),
            ) from None
        if len(found) == before and not any(name.startswith(os.path.realpath(path)) for name in found):
            raise InputError(path=path, reason=message("no rule file (*.yml) lies there"))
    return [(shown(path), text) for path, text in found.items()]


def _walk(folder: str, found: dict[str, bytes]) -> None:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.is_dir(follow_symlinks=False):
                _walk(entry.path, found)
            elif entry.path not in found and _is_rule_file(entry):
                found[entry.path] = _text(entry.path)


def _text(path: str) -> bytes:
    """A file's bytes, with as few calls of the system as can be: there are thousands of files at each start."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = b""
        while block := os.read(descriptor, BLOCK):
            text += block
            if len(block) < BLOCK:
                break
        return text
    finally:
        os.close(descriptor)


def _is_rule_file(entry: "os.DirEntry[str]") -> bool:
    return entry.name.endswith(_SUFFIXES) and not entry.name.endswith(".samples.yml") and entry.is_file()


def _fingerprint(texts: list[tuple[str, bytes]], placeholders: Mapping[str, Sequence[str]]) -> str:
    digest = hashlib.blake2b(digest_size=20)
    listed = {name: list(values) for name, values in placeholders.items()}
    parts = [__version__, TRANSLATION, _pysigma(), orjson.dumps(listed, option=orjson.OPT_SORT_KEYS).decode()]
    digest.update("\0".join(parts).encode())
    for path, text in texts:
        digest.update(f"\0{len(text)} {path}\0".encode())
        digest.update(text)
    return digest.hexdigest()


def _pysigma() -> str:
    """pySigma's version from the name of its folder: importing it, or importlib.metadata, costs more than a start may."""
    with os.scandir(sysconfig.get_path("purelib")) as entries:
        return max((e.name for e in entries if e.name.lower().startswith("pysigma-")), default="?")


def _translated(texts: list[tuple[str, bytes]], placeholders: Mapping[str, Sequence[str]], fingerprint: str) -> RuleSet:
    from beffroi.detect.correlation import Unevaluable, arrange, silenced
    from beffroi.detect.correlation.translate import translate_correlation
    from beffroi.rules.parse import documents, refused, translated

    faults: list[Fault] = []
    found = [document for path, text in texts for document in documents(path, text, faults)]
    rules, described = translated(found, placeholders, faults)
    known = {rule.id: rule.id for rule in rules} | {document.id: document.id for document, _ in described}
    known |= {parsed.name: document.id for document, parsed in described if parsed.name}
    known |= {rule.name: rule.id for rule in rules if rule.name}
    made = []
    for document, parsed in described:
        try:
            made.append(translate_correlation(parsed, known.get, correlation_id=document.id, path=document.path))
        except UnfitError as error:
            faults.append(refused(document, error))
    ready, failed = arrange(made)
    good = {rule.id for rule in rules} | {correlation.id for correlation in ready}
    while resting := [each for each in ready if not good.issuperset(each.rules)]:
        failed += [(each, Unevaluable(message("it rests on a rule that was refused"))) for each in resting]
        ready = [each for each in ready if each not in resting]
        good -= {each.id for each in resting}
    documents_by_id = {document.id: document for document, _ in described}
    faults += [refused(documents_by_id[correlation.id], reason) for correlation, reason in failed]
    silent = silenced(ready)
    rules = [rule._replace(silent=True) if rule.id in silent else rule for rule in rules]
    return RuleSet(tuple(rules), tuple(ready), tuple(faults), fingerprint)


def _kept(made: RuleSet) -> bytes:
    index = {
        "rules": [rule.to_plain() for rule in made.rules],
        "correlations": [correlation.to_plain() for correlation in made.correlations],
        "refused": [fault.to_plain() for fault in made.refused],
    }
    return b"\n".join([orjson.dumps(index), *(rule.condition_json for rule in made.rules)])


def _restored(kept: bytes, fingerprint: str) -> RuleSet | None:
    head, *conditions = kept.split(b"\n")
    try:
        index: dict[str, Any] = orjson.loads(head)
        return RuleSet(
            tuple([Rule.from_plain(*pair) for pair in zip(index["rules"], conditions, strict=True)]),
            _correlations(index["correlations"]),
            tuple(Fault.from_plain(fault) for fault in index["refused"]),
            fingerprint,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _correlations(plain: list[dict[str, Any]]) -> tuple["Correlation", ...]:
    if not plain:
        return ()
    from beffroi.detect.correlation import Correlation

    return tuple(Correlation.from_plain(each) for each in plain)
