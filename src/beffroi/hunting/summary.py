"""What a hunt came to, in words: one closing line, and a line for each thing that could not be read."""

from collections.abc import Callable

from beffroi.core.wording import Words, number, printable
from beffroi.hunting.request import Outcome


def closing(outcome: Outcome, seconds: float, say: Words, language: str) -> str:
    """The last line: what was read, what could not be, and with which rules."""

    def count(value: float) -> str:
        return number(value, language)

    parts = [
        say("{count} events in {seconds} s", count=count(outcome.events), seconds=number(seconds, language, 1)),
        say("{count} matches", count=count(outcome.matches)),
        say("{count} unreadable parts", count=count(len(outcome.faults) + outcome.faults_uncounted)),
        say(
            "{rules} rules: {refused} refused, {blind} with nothing to look at here",
            rules=count(outcome.rules + outcome.correlations),
            refused=count(len(outcome.refused)),
            blind=count(outcome.blind),
        ),
    ]
    if outcome.others:
        parts.append(say("{count} other files passed over", count=count(outcome.others)))
    if outcome.unsourced:
        parts.append(say("{count} events name no log source: say it with --logsource", count=count(outcome.unsourced)))
    if outcome.forgotten:
        parts.append(say("{count} events were too many for a correlation to keep", count=count(outcome.forgotten)))
    return " · ".join(parts)


def remarks(outcome: Outcome, show: Callable[[str], None], say: Words, most: int = 20) -> None:
    """What could not be read and which rules were refused, a line each, the first of many."""
    for fault in list(outcome.faults)[:most]:
        show(printable(say(fault.told)))
    hidden = len(outcome.faults) - most
    if max(hidden, 0) + outcome.faults_uncounted > 0:
        show(say("… and {count} more unreadable parts", count=max(hidden, 0) + outcome.faults_uncounted))
    for fault in list(outcome.refused)[:most]:
        show(printable(say("refused: {fault}", fault=fault.told)))
    if len(outcome.refused) > most:
        show(say("… and {count} more refused rules", count=len(outcome.refused) - most))
