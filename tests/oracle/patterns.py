"""Sigma's value strings: literal characters, the wildcards * and ?, and their escapes.

A pattern is a list of tokens; a token is one literal character (a str of length 1) or one of the three marks below. Sigma
specification 2.1, "String Wildcard" and "Escaping"; `windash`: modifiers appendix 2.1.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto

DASHES = "-/\N{EN DASH}\N{EM DASH}\N{HORIZONTAL BAR}"


class Mark(Enum):
    ANY = auto()
    """* : any characters, also none, also line breaks"""
    ONE = auto()
    """? : exactly one character"""
    DASH = auto()
    """the dash of a command-line flag under windash: any of DASHES"""


Token = str | Mark
Pattern = list[Token]


def parse(value: str, *, percent: bool = False) -> Pattern:
    r"""The tokens of a Sigma string. A backslash escapes *, ? and itself (with `percent` % too); any other is just a backslash."""
    escapable = "*?\\%" if percent else "*?\\"
    tokens: Pattern = []
    characters = iter(range(len(value)))
    for i in characters:
        if value[i] == "\\" and value[i + 1 : i + 2] and value[i + 1] in escapable:
            tokens.append(value[i + 1])
            next(characters)
        elif value[i] == "*":
            tokens.append(Mark.ANY)
        elif value[i] == "?":
            tokens.append(Mark.ONE)
        else:
            tokens.append(value[i])
    return tokens


def literal(pattern: Sequence[Token]) -> str | None:
    """The text of a pattern without wildcards, else None."""
    return "".join(str(token) for token in pattern) if all(isinstance(token, str) for token in pattern) else None


def with_flag_dashes(pattern: Pattern) -> Pattern:
    """Mark the dashes that begin a flag: no word character before, one after (a wildcard is no word character)."""
    marked = list(pattern)
    for i, token in enumerate(pattern):
        before = pattern[i - 1] if i else ""
        after = pattern[i + 1] if i + 1 < len(pattern) else ""
        if isinstance(token, str) and token in DASHES and not is_word(before) and is_word(after):
            marked[i] = Mark.DASH
    return marked


def is_word(token: Token) -> bool:
    return isinstance(token, str) and bool(re.fullmatch(r"\w", token))


def spelled_out(pattern: Pattern) -> Iterator[Pattern]:
    """All permutations of the flag dashes as patterns of their own."""
    places = [i for i, token in enumerate(pattern) if token is Mark.DASH]
    for dashes in itertools.product(DASHES, repeat=len(places)):
        single = list(pattern)
        for place, dash in zip(places, dashes, strict=True):
            single[place] = dash
        yield single


def lowered(pattern: Pattern) -> Pattern:
    """Each run of literal characters lower-cased as one string: a capital sigma looks at its neighbours."""
    tokens: Pattern = []
    for is_literal, group in itertools.groupby(pattern, key=lambda token: isinstance(token, str)):
        run = list(group)
        tokens += list("".join(map(str, run)).lower()) if is_literal else run
    return tokens


def expression(pattern: Pattern) -> re.Pattern[str]:
    """The pattern as a regular expression for the whole text."""
    parts = {Mark.ANY: ".*", Mark.ONE: ".", Mark.DASH: f"[{re.escape(DASHES)}]"}
    return re.compile(
        "".join(re.escape(token) if isinstance(token, str) else parts[token] for token in pattern), re.DOTALL
    )
