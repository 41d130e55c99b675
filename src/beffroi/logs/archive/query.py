"""What is looked for, and how DuckDB is asked: pure. Values travel as parameters only, never in the text of a query."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, Final

from beffroi.core.model import LogSource
from beffroi.logs.archive.index import Part

ESCAPE: Final = "\x1b"


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; everything stated must hold. Times are microseconds since 1970 (UTC)."""

    since: int | None = None
    until: int | None = None
    """Not included."""
    sources: tuple[str, ...] = ()
    """`Source.id`, any of these."""
    hosts: tuple[str, ...] = ()
    """Any of these, caseless; `*` stands for any text."""
    logsource: LogSource | None = None
    """What it leaves open may be anything."""
    text: str | None = None
    """Stands somewhere in the message as it came, caseless."""
    fields: tuple[tuple[str, str], ...] = ()
    """(name, value), all of them; the value caseless, `*` stands for any text. Of a list one element is enough."""
    positions: tuple[int, ...] = ()
    """`Row.position`, any of these, rising."""
    limit: int | None = None
    """The newest so many."""


def may_hold(part: Part, query: Query) -> bool:
    """Whether a file can hold what is looked for, by what the index says of it."""
    if query.since is not None and part.latest < query.since:
        return False
    if query.until is not None and part.earliest >= query.until:
        return False
    if query.positions:
        at = bisect_left(query.positions, part.first)
        if at == len(query.positions) or query.positions[at] > part.last:
            return False
    wanted = query.logsource or LogSource()
    return all(wish is None or wish == has for wish, has in zip(wanted, part.logsource, strict=True))


def where(query: Query) -> tuple[str, list[Any]]:
    """The condition of a query as SQL, and its parameters."""
    terms: list[str] = ["true"]
    values: list[Any] = []

    def add(term: str, *parameters: Any) -> None:
        terms.append(term)
        values.extend(parameters)

    if query.since is not None:
        add("time >= make_timestamp(?::BIGINT)", query.since)
    if query.until is not None:
        add("time < make_timestamp(?::BIGINT)", query.until)
    if query.sources:
        add("list_contains(?::VARCHAR[], source)", list(query.sources))
    if query.positions:
        add("list_contains(?::BIGINT[], position)", list(query.positions))
    if query.hosts:
        either = " OR ".join("host ILIKE ? ESCAPE ?" for _ in query.hosts)
        add(f"({either})", *(part for host in query.hosts for part in (like(host), ESCAPE)))
    for column, wish in zip(LogSource._fields, query.logsource or LogSource(), strict=True):
        if wish is not None:
            add(f"{column} = ?", wish)
    if query.text:
        add("contains(lower(raw), lower(?::VARCHAR))", query.text)
    for name, value in query.fields:
        place = "/" + name.replace("~", "~0").replace("/", "~1")  # a JSON pointer (RFC 6901)
        add(
            "CASE json_type(fields, ?) WHEN 'ARRAY' THEN"
            """ len(list_filter(from_json(json_extract(fields, ?), '["VARCHAR"]'), lambda x: x ILIKE ? ESCAPE ?)) > 0"""
            " ELSE coalesce(json_extract_string(fields, ?), '') ILIKE ? ESCAPE ? AND json_type(fields, ?) IS NOT NULL END",
            place, place, like(value), ESCAPE, place, like(value), ESCAPE, place,
        )  # fmt: skip
    return " AND ".join(terms), values


def like(pattern: str) -> str:
    """A pattern with `*` as ILIKE takes it, with ESCAPE."""
    for sign in (ESCAPE, "%", "_"):
        pattern = pattern.replace(sign, ESCAPE + sign)
    return pattern.replace("*", "%")
