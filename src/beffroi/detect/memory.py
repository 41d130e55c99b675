"""What is remembered of values seen lately: one bound for all of it together, because an attacker chooses the values."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

from beffroi.detect.values import Text, text_of

MOST = 24_000_000
"""What may be remembered, in characters of values and `ENTRY` for each of them."""
ENTRY = 100
LONGEST = 32_768
"""Longer values are not remembered."""

T = TypeVar("T")


class Remembers(Protocol):
    def forget(self) -> None:
        """Forget everything."""


class Memory:
    """Counts what is remembered; when it is too much, everything is forgotten at once. `left` may be lowered directly by
    those who remember, who then call `forget` where it falls below nought: it happens millions of times."""

    __slots__ = ("_all", "_most", "left")

    def __init__(self, most: int = MOST) -> None:
        self._most = self.left = most
        self._all: WeakSet[Remembers] = WeakSet()  # plans come and go

    def register(self, who: Remembers) -> None:
        """Have this one forget with the others, as long as somebody else holds it."""
        self._all.add(who)

    def forget(self) -> None:
        """Forget everything."""
        self.left = self._most
        for each in self._all:
            each.forget()


class Memo(Generic[T]):
    """What a function says of a field's values, found out once for each as long as it is remembered; `nothing` is what it says
    of no value. `known.get(value)` is the first look, since it costs least: None, or a TypeError (a list), sends on to `learn`."""

    __slots__ = ("__weakref__", "_always", "known", "learn")

    def __init__(self, memory: Memory, nothing: T, of: Callable[[Text], T]) -> None:
        self._always: Mapping[Text, T] = {None: nothing, "": nothing}
        known: dict[Text, T] = dict(self._always)

        def learn(value: Any) -> T:
            if value.__class__ is str:
                cost = ENTRY + len(value)
            else:
                # Never a key as it is: 1, 1.0 and True are one to a dictionary.
                value = text_of(value)
                if value in known:
                    return known[value]
                cost = ENTRY + sum(map(len, value))
            outcome = of(value)
            if cost <= LONGEST:
                known[value] = outcome
                memory.left -= cost
                if memory.left < 0:
                    memory.forget()
            return outcome

        self.known = known
        self.learn = learn
        memory.register(self)

    def forget(self) -> None:
        self.known.clear()
        self.known.update(self._always)
