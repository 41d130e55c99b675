"""Matches → incidents: what one attack did is one story that a person understands and acts on.

traces.py     an event's fields → who, from where, with what; what ties events together
strands.py    matches → strands, by ties alone; the order of arrival is all the same
grouping.py   strands → groups, by what lies near and contradicts nothing; what people decided comes first
judging.py    a group → how grave, what it is called, what needs somebody first
raising.py    the store's matches → the store's incidents, a transaction a batch
records.py    incidents in the store          actions.py   what people do about them
situations/   what an incident is called → what people are told: what happened, why it matters, who does what, whom to call
technical.py  what whoever looks after the machines is told           commands.py  by which commands
showing.py    the store's incidents as they are shown                 telling.py   in words
filters.py    a match → a Sigma filter that says "this is normal"
normal.py     filters → what they hide        hiding.py    the same in the store
normals.py    what people do about that

Only what needs no store is offered here, to the process that understands: it has none.
"""

from beffroi.incidents.normal import SPECIFIC, Normals
from beffroi.incidents.traces import (
    Hand,
    Traces,
    common_hand,
    hand_of,
    loosened,
    tie_of_event,
    traces_of,
    traces_of_firing,
)

__all__ = [
    "SPECIFIC",
    "Hand",
    "Normals",
    "Traces",
    "common_hand",
    "hand_of",
    "loosened",
    "tie_of_event",
    "traces_of",
    "traces_of_firing",
]
