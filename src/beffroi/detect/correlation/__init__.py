"""Sigma correlations in event time: matches of rules go in, firings come out.

    definition.py    a correlation as plain data       translate.py    Sigma (pySigma) → definition; not imported here
    records.py       what goes in and comes out        correlator.py   the stream: lateness, chaining, limits
    group.py         one group's window and edges      measures.py, ordered.py, ranked.py   what a window measures
    hands.py         deeds of different hands apart
    contribution.py  what an event adds                expression.py   `rule_a and not rule_b`
    state.py         the memory as plain data

What it means is decided in docs/correlation.md.
"""

from beffroi.detect.correlation.correlator import Correlator, in_order
from beffroi.detect.correlation.definition import Correlation, Unevaluable, arrange, fields_needed, rests_on, silenced
from beffroi.detect.correlation.hands import narrowed
from beffroi.detect.correlation.records import (
    BaseMatch,
    Change,
    Contribution,
    Counts,
    Firing,
    Limits,
    Retraction,
)
from beffroi.detect.correlation.state import StateError, with_groups

__all__ = [
    "BaseMatch",
    "Change",
    "Contribution",
    "Correlation",
    "Correlator",
    "Counts",
    "Firing",
    "Limits",
    "Retraction",
    "StateError",
    "Unevaluable",
    "arrange",
    "fields_needed",
    "in_order",
    "narrowed",
    "rests_on",
    "silenced",
    "with_groups",
]
