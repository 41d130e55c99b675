"""What is remembered of values seen lately: one bound for all of it together, because an attacker chooses the values."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from beffroi.detect.values import Text, text_of

MOST = 24_000_000
"""What may be remembered, in characters of values and `ENTRY` for each of them."""
ENTRY = 100
LONGEST = 32_768
"""Longer values are not remembered."""

T = TypeVar("T")


class Memory:
    """Counts what is remembered; when it is too much, everything is forgotten at once. `left` may be lowered directly by
    those who remember, who then call `forget` where it falls below nought: it happens millions of times."""

    __slots__ = ("_forget", "_most", "left")

    def __init__(self, most: int = MOST) -> None:
        self._most = self.left = most
        self._forget: list[Callable[[], None]] = []

    def register(self, forget: Callable[[], None]) -> None:
        """Have this called whenever everything is to be forgotten."""
        self._forget.append(forget)

    def forget(self) -> None:
        """Forget everything."""
        self.left = self._most
        for forget in self._forget:
            forget()


class Memo(Generic[T]):
    """What a function says of a field's values, found out once for each as long as it is remembered; `nothing` is what it says
    of no value. `known.get(value)` is the first look, since it costs least: None, or a TypeError (a list), sends on to `learn`."""

    __slots__ = ("known", "learn")

    def __init__(self, memory: Memory, nothing: T, of: Callable[[Text], T]) -> None:
        always: Mapping[Text, T] = {None: nothing, "": nothing}
        known: dict[Text, T] = dict(always)

        def forget() -> None:
            known.clear()
            known.update(always)

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

        memory.register(forget)
        self.known = known
        self.learn = learn
