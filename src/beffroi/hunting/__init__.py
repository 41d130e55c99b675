"""A hunt: recordings in, matches out. It stands above the rooms, because it is where logs, rules and detection meet.

request.py   what is asked, what came of it       tasks.py      recordings cut for processes
worker.py    events → matches, in one process     reading.py    one task read and counted
run.py       the hunt                             together.py   several processes, one order of output
firings.py   correlations, at the end             spill.py      sorting more than memory holds
report.py    matches for a person to read         summary.py    what it came to, in words
"""

from beffroi.hunting.request import Outcome, Request
from beffroi.hunting.run import hunt

__all__ = ["Outcome", "Request", "hunt"]
