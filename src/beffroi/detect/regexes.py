"""What a regular expression cannot match without: the literals that make a cheap pre-filter for it.

Only RE2's syntax is read, and only as far as it is certain; anything else gives no literal, never a wrong one.
"""

import re

_FLAGS = re.compile(r"\(\?[A-Za-z-]+\)")
_CLASSES = frozenset("dDsSwWbBAzpPQECaxfnrtv0123456789")
_LEAST = 3
_LONGEST, _DEEPEST = 20_000, 20
"""Characters and nested groups beyond which nothing is looked for: a pattern is somebody else's, and looking takes time."""
_RARE = frozenset("`^{}$%&|~;@#!=")  # even one of these is worth scanning for


def required_literals(pattern: str) -> list[str] | None:
    """ASCII literals in lower case of which at least one stands, whatever its case, in every text the pattern is found
    in; None where none that is worth scanning for is certain."""
    head = _FLAGS.match(pattern)
    flags, rest = (head[0], pattern[head.end() :]) if head else ("", pattern)
    if len(pattern) > _LONGEST or "U" in flags or "\\Q" in rest or "(?" in rest.replace("(?:", ""):
        return None
    # RE2's caseless k and s also match U+212A and U+017F, which the scanned text has folded (see matcher.py).
    try:
        found = _alternatives(rest, 0)
    except ValueError:
        return None
    return found if found and all(_worth(literal) for literal in found) else None


def _worth(literal: str) -> int:
    """How good a literal is to scan for; 0: not at all."""
    rare = sum(char in _RARE for char in literal)
    return len(literal) + 4 * rare if rare or len(literal) >= _LEAST else 0


def _alternatives(pattern: str, depth: int) -> list[str] | None:
    """One literal for each alternative; None where one has none."""
    if depth > _DEEPEST:
        raise ValueError(pattern)
    found: list[str] = []
    for branch in _split(pattern):
        best = _best(branch, depth)
        if best is None:
            return None
        found.extend(best)
    return found


def _split(pattern: str) -> list[str]:
    """The alternatives at the outermost level."""
    branches, depth, start, at = [], 0, 0, 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 2
            continue
        if char == "[":
            at = _class_end(pattern, at)
            continue
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            branches.append(pattern[start:at])
            start = at + 1
        at += 1
    return [*branches, pattern[start:]]


def _class_end(pattern: str, at: int) -> int:
    """The place behind a bracketed class that starts at `at`."""
    at += 1
    if pattern[at : at + 1] == "^":
        at += 1
    first = True
    while at < len(pattern):
        if pattern[at] == "]" and not first:
            return at + 1
        if pattern[at : at + 2] == "[:":
            end = pattern.find(":]", at)
            at = end + 2 if end > 0 else at + 1
        else:
            at += 2 if pattern[at] == "\\" else 1
        first = False
    raise ValueError(pattern)


def _group_end(pattern: str, at: int) -> int:
    """The place behind the group that starts at `at`."""
    depth = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 2
            continue
        if char == "[":
            at = _class_end(pattern, at)
            continue
        depth += (char == "(") - (char == ")")
        at += 1
        if depth == 0:
            return at
    raise ValueError(pattern)


def _quantifier(pattern: str, at: int) -> tuple[int, int]:
    """How often at least what stands before `at` is repeated, and the place behind the quantifier."""
    char = pattern[at : at + 1]
    least = 1
    if char in ("*", "?"):
        least, at = 0, at + 1
    elif char == "+":
        least, at = 2, at + 1
    elif char == "{":
        end = pattern.find("}", at)
        low = pattern[at + 1 : end].partition(",")[0] if end > 0 else ""
        if not low.isdigit():
            raise ValueError(pattern)
        least, at = (0 if int(low) == 0 else 2), end + 1
    else:
        return 1, at
    return least, at + (pattern[at : at + 1] == "?")


def _best(branch: str, depth: int) -> list[str] | None:
    """The best choice of literals of one alternative: its longest run, or those of a group it cannot do without."""
    choices: list[list[str]] = []
    run = ""
    at = 0
    while at < len(branch):
        char, literal, group = branch[at], None, None
        if char == "\\":
            after = branch[at + 1 : at + 2]
            if not after:
                raise ValueError(branch)
            if after in "xpPQ":
                raise ValueError(branch)
            literal = None if after in _CLASSES else after
            at += 2
        elif char == "[":
            at = _class_end(branch, at)
        elif char == "(":
            end = _group_end(branch, at)
            group = branch[at + 1 : end - 1].removeprefix("?:")
            at = end
        else:
            literal = None if char in ".^$" else char
            at += 1
        least, at = _quantifier(branch, at)
        if literal is not None and literal.isascii() and least == 1:
            run += literal.lower()
            continue
        if literal is not None and literal.isascii() and least == 2:
            run += literal.lower()
        choices.append([run])
        run = literal.lower() if literal is not None and literal.isascii() and least == 2 else ""
        if group is not None and least:
            inner = _alternatives(group, depth + 1)
            if inner is not None:
                choices.append(inner)
    choices.append([run])
    best = max(choices, key=lambda literals: min(map(_worth, literals)))
    return best if all(best) else None
