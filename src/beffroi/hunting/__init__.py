"""A hunt: recordings in, matches out. It stands above the rooms, because it is where logs, rules and detection meet.

request.py   what is asked: paths, rules, times, processes     worker.py   events → matches, in one process
spill.py     sorting more than memory holds                    run.py      many processes, one order of output
report.py    matches for a person to read      summary.py   what it came to, in words
tasks.py     recordings cut for processes
"""

from beffroi.hunting.request import Outcome, Request
from beffroi.hunting.run import hunt

__all__ = ["Outcome", "Request", "hunt"]
