"""What an incident says to people: what happened, why it matters, what to do, whom to call, what to tell nobody until then. Pure.

Each situation of core/situations.py has its words here. Names that an attacker may have chosen stand in a sentence only where they look
like a name: an account called "all is well, do nothing" is not named.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

from beffroi.core.model import Message, message
from beffroi.core.situations import UNKNOWN
from beffroi.core.wording import Words
from beffroi.incidents.situations import blocking, entering, money, moving, parts, staying, stealing
from beffroi.incidents.situations.parts import Person, Situation
from beffroi.incidents.traces import Entity

PEOPLE: Final[tuple[Person, ...]] = get_args(Person)
WORDS: Final[Mapping[str, Situation]] = {
    **entering.WORDS, **staying.WORDS, **moving.WORDS, **stealing.WORDS, **blocking.WORDS, **money.WORDS,
}  # fmt: skip
"""The words of every situation, in the order of an attack."""

NAMED: Final = 3  # accounts: of more than so many none is *the* account
_NAME: Final = re.compile(r"[^\W_][\w.@\\/:$-]{0,47}(?: [\w.@$-]{1,24})?")
"""A name of one or two words."""


def words_of(situation: str) -> Situation:
    """The words of a situation; those of `unknown` where a later Beffroi named it."""
    return WORDS.get(situation, WORDS[UNKNOWN])


def happened(situation: str, entities: Sequence[Entity]) -> Message:
    """The sentence that says what happened, as exact as what is known allows. The entities come with the most frequent first."""
    known = _known(entities)
    for sentence in words_of(situation).what:
        if all(f"{{{place}}}" not in sentence.sentence or place in known for place in PLACES):
            return _filled(sentence, known)
    raise AssertionError(f"the last sentence of {situation} names something")


def steps(situation: str, entities: Sequence[Entity]) -> list[tuple[Person, Message]]:
    """What to do now, in its order, and who does it."""
    known = {"machine": message("the machine concerned"), **_known(entities)}
    return [(who, _filled(what, known)) for who, what in words_of(situation).steps]


def calls(situation: str, *, grave: bool) -> list[Message]:
    """Whom to call. What is grave enough to wake somebody waits for nobody's working hours; what is not proves nothing yet, so no police is
    called for it."""
    found = words_of(situation).call
    if grave:
        return list(dict.fromkeys(parts.PROVIDER if each in _PROVIDER else each for each in found))
    return list(
        dict.fromkeys(
            parts.PROVIDER_BY_DAY if each is parts.PROVIDER else each for each in found if each not in _AUTHORITIES
        )
    )


_PROVIDER: Final = (parts.PROVIDER, parts.PROVIDER_BY_DAY, parts.LATER)
_AUTHORITIES: Final = (parts.POLICE, parts.COMPLAINT, parts.CCB)


def doubt(*, grave: bool) -> Message | None:
    """What is said besides where the signs are too slight to prove what the words say."""
    return None if grave else message("This sign alone is no proof: ask first, then act.")


def people(say: Words) -> dict[str, str]:
    """What those who do something are called."""
    return {"nurse": say("Nurse in charge"), "director": say("Director"), "provider": say("IT provider")}


PLACES: Final = ("machine", "account", "target", "address")


def _known(entities: Sequence[Entity]) -> dict[str, Message | str]:
    machines = _names(entities, "host", "target")
    actors, targets = _names(entities, "account", "actor"), _names(entities, "account", "target")
    addresses = _names(entities, "address", "origin")
    found: dict[str, Message | str] = {}
    if len(machines) == 1:
        found["machine"] = machines[0]
    elif len(machines) == 2:
        found["machine"] = message("{machine} and one more machine", machine=machines[0])
    elif machines:
        found["machine"] = message("{machine} and {count} more machines", machine=machines[0], count=len(machines) - 1)
    accounts = actors or targets
    if 0 < len(accounts) <= NAMED:
        found["account"] = accounts[0]
    if 0 < len(targets) <= NAMED:
        found["target"] = targets[0]
    if 0 < len(addresses) <= NAMED:
        found["address"] = addresses[0]
    return found


def _names(entities: Iterable[Entity], kind: str, role: str) -> list[str]:
    values = [each.value for each in entities if each.kind == kind and each.role == role]
    return [value for value in dict.fromkeys(values) if _NAME.fullmatch(value)]


def _filled(sentence: Message, known: Mapping[str, Message | str]) -> Message:
    """The sentence with what fills its places; nothing where it has none, so that braces stay what they are."""
    values = tuple((place, value) for place, value in known.items() if f"{{{place}}}" in sentence.sentence)
    return sentence._replace(values=values)
