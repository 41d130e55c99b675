"""Stories of whole attacks and of quiet weeks, in the exact shapes of the real sources: for tests, figures and a house to show.

    quiet(days, seed, start)      quiet days, as the shippers send them
    STORIES[name].tell(house, start, seed)    a whole story

Everything is pure: the same arguments give the same messages. Messages come lazily, in the order of their time.
"""

from beffroi.demo.house import House
from beffroi.demo.quiet import quiet
from beffroi.demo.said import Said, Sent, Story, send, together

__all__ = ["House", "Said", "Sent", "Story", "quiet", "send", "together"]
