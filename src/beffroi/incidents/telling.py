"""An incident in words: the lines that a person reads on a terminal and in evidence, and its messages beside their words."""

from collections.abc import Iterable
from typing import Any

from beffroi.core.model import Message, message
from beffroi.core.wording import LANGUAGES, Words, moment, number
from beffroi.incidents.situations import people


def told(row: dict[str, Any], say: Words, zone: str, language: str, *, technical: bool = False) -> Iterable[str]:
    """One incident as `showing.whole` tells it, line by line, with the technical part whole where it is asked for. What an attacker wrote
    stands in it as it came: make it `printable`."""
    yield say("Incident {incident}: {title}", incident=row["id"], title=Message.from_plain(row["title"]))
    state = states(say)[row["state"]]
    if row["taken_by"]:
        state = say("{state} by {name}", state=state, name=row["taken_by"])
    urgent = Message.from_plain(row["urgent"])
    yield say("{severity}, {state}; {reason}", severity=levels(say)[row["severity"]], state=state, reason=urgent)
    yield from _for_people(row, say, zone, language)
    yield from _for_the_provider(row, say, zone, language)
    if technical:
        yield from _folded(row["technical"], say)


def _for_people(row: dict[str, Any], say: Words, zone: str, language: str) -> Iterable[str]:
    """What whoever is in charge needs at night, in the order in which it is needed."""
    yield ""
    own = own_sentence(row["says"], language)
    if own is not None:
        yield own
    yield say(Message.from_plain(row["what"]))
    if row["doubt"] is not None:
        yield say(Message.from_plain(row["doubt"]))
    yield ""
    yield say("Why it matters:")
    yield "  " + say(Message.from_plain(row["why"]))
    yield ""
    yield say("What you do now:")
    names = people(say)
    for place, step in enumerate(row["steps"], 1):
        yield f"  {place}. " + say("{what}: {text}", what=names[step["who"]], text=Message.from_plain(step["text"]))
    yield ""
    yield say("Whom to call:")
    for each in row["call"]:
        yield f"  · {say(Message.from_plain(each))}"
    yield ""
    yield say("What to tell nobody until then:")
    yield "  " + say(Message.from_plain(row["silent"]))
    yield ""
    yield say("What Beffroi did:")
    for each in row["did"]:
        yield f"  {moment(each['time'], zone)}  {say(Message.from_plain(each['what']))}"
    if not row["did"]:
        yield "  " + say("Nothing but watch and take note.")


def _for_the_provider(row: dict[str, Any], say: Words, zone: str, language: str) -> Iterable[str]:
    """What it rests on."""
    yield ""
    yield say("Technical part, for the IT provider")
    if row["course"] is not None:
        yield ""
        yield say(Message.from_plain(row["course"]))
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


def _folded(part: dict[str, Any], say: Words) -> Iterable[str]:
    """Rules with what they looked at, commands, links."""
    yield ""
    yield say("Rules that held:")
    for rule in part["rules"]:
        title = Message.from_plain(rule["title"])
        if rule["count"] > 1:
            title = message("{what} ({count:,} times)", what=title, count=rule["count"])
        yield "  " + say("{what}: {text}", what=title, text=f"{levels(say)[rule['level']]}, {rule['id']}")
        for name, value in rule["fields"].items():
            yield f"    {name}: {value}"
    for each in part["commands"]:
        yield ""
        yield str(each["kind"])
        for heading, lines in ((say("To check:"), each["check"]), (say("To repair:"), each["repair"])):
            if lines:
                yield f"  {heading}"
            for command in lines:
                yield from (f"    {line}" for line in command.splitlines())
    if part["commands"]:
        yield ""
        yield say(
            "What stands between < and > is to be filled in: Beffroi does not know it, or does not trust it in a command."
        )
    for each in part["techniques"]:
        yield ""
        tactics = ", ".join(say(tactic) for tactic in each["tactics"])
        yield f"{each['id']} {each['name']}" + (f" ({tactics})" if tactics else "")
        if each["link"] is not None:
            yield f"  {each['link']}"


def own_sentence(says: dict[str, str], language: str) -> str | None:
    """What a rule says of its own in a language, else in the first of ours that it speaks."""
    return next((says[each] for each in (language, *LANGUAGES) if each in says), None)


def worded(row: dict[str, Any], say: Words, language: str) -> dict[str, Any]:
    """An incident with each of its messages beside its words."""
    both = dict(row)
    for name in ("title", "what", "urgent", "doubt", "why", "silent", "course"):
        if row.get(name) is not None:
            both[name] = _both(row[name], say)
    for name in ("reasons", "joined", "call"):
        if name in row:
            both[name] = [_both(each, say) for each in row[name]]
    for name in ("timeline", "did"):
        if name in row:
            both[name] = [{**each, "what": _both(each["what"], say)} for each in row[name]]
    both["says"] = own_sentence(row["says"], language)
    if "steps" in row:
        both["steps"] = [_step(each, say) for each in row["steps"]]
    if "evidence" in row:
        both["evidence"] = [{**each, "rule": _both(each["rule"], say)} for each in row["evidence"]]
    if "technical" in row:
        rules = [{**each, "title": _both(each["title"], say)} for each in row["technical"]["rules"]]
        both["technical"] = {**row["technical"], "rules": rules}
    return both


def _step(step: dict[str, Any], say: Words) -> dict[str, Any]:
    return {"who": people(say)[step["who"]], "role": step["who"], **_both(step["text"], say)}


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
