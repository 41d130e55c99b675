"""An incident in words: the lines that a person reads on a terminal and in evidence, and its messages beside their words."""

from collections.abc import Iterable
from typing import Any

from beffroi.core.model import Message
from beffroi.core.wording import Words, moment, number


def told(row: dict[str, Any], say: Words, zone: str, language: str) -> Iterable[str]:
    """One incident as `showing.whole` tells it, line by line. What an attacker wrote stands in it as it came: make it `printable`."""
    yield say("Incident {incident}: {title}", incident=row["id"], title=Message.from_plain(row["title"]))
    state = states(say)[row["state"]]
    if row["taken_by"]:
        state = say("{state} by {name}", state=state, name=row["taken_by"])
    urgent = Message.from_plain(row["urgent"])
    yield say("{severity}, {state}; {reason}", severity=levels(say)[row["severity"]], state=state, reason=urgent)
    yield ""
    yield say(Message.from_plain(row["what"]))
    for reason in row["reasons"]:
        yield f"  · {say(Message.from_plain(reason))}"
    if row["joined"]:
        yield ""
        yield say("Told together because of:")
        for why in row["joined"]:
            yield f"  · {say(Message.from_plain(why))}"
    roles = _roles(say)
    if row["entities"]:
        yield ""
        yield say("Who, from where, with what:")
        for entity in row["entities"][:20]:
            role = roles.get((entity["kind"], entity["role"]), entity["kind"])
            yield "  " + say("{what}: {text}", what=role, text=entity["value"])
        if len(row["entities"]) > 20:
            yield "  " + say("and {count} more (`--json` tells all)", count=number(len(row["entities"]) - 20, language))
    yield ""
    yield say("Course:")
    for each in row["timeline"]:
        who = f" ({each['by']})" if each["by"] else ""
        yield f"  {moment(each['time'], zone)}  {say(Message.from_plain(each['what']))}{who}"
    if row["techniques"]:
        yield ""
        yield say("ATT&CK: {techniques}", techniques=", ".join(row["techniques"]))


def worded(row: dict[str, Any], say: Words) -> dict[str, Any]:
    """An incident with each of its messages beside its words."""
    both = dict(row)
    for name in ("title", "what", "urgent"):
        both[name] = _both(row[name], say)
    for name in ("reasons", "joined"):
        if name in row:
            both[name] = [_both(each, say) for each in row[name]]
    both["timeline"] = [{**each, "what": _both(each["what"], say)} for each in row["timeline"]]
    if "evidence" in row:
        both["evidence"] = [{**each, "rule": _both(each["rule"], say)} for each in row["evidence"]]
    return both


def _both(plain: list[Any], say: Words) -> dict[str, Any]:
    return {"message": plain, "text": say(Message.from_plain(plain))}


def levels(say: Words) -> dict[str, str]:
    """What Sigma's levels are called."""
    return {
        "informational": say("for information"),
        "low": say("slight"),
        "medium": say("serious"),
        "high": say("severe"),
        "critical": say("very severe"),
    }


def states(say: Words) -> dict[str, str]:
    """What the states of an incident are called."""
    return {"new": say("to be taken"), "taken": say("taken"), "closed": say("closed")}


def _roles(say: Words) -> dict[tuple[str, str], str]:
    return {
        ("host", "target"): say("Machine concerned"),
        ("address", "origin"): say("From the address"),
        ("account", "actor"): say("Account that acted"),
        ("account", "target"): say("Account concerned"),
        ("process", "tool"): say("Program"),
        ("process", "target"): say("Program concerned"),
        ("file", "target"): say("File"),
        ("share", "target"): say("Shared folder"),
    }
