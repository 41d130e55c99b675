"""What tests remember of values seen lately: one bound for all of them together, because an attacker chooses the values."""

from collections.abc import Callable

MOST = 24_000_000
"""What may be remembered, in characters of values and `ENTRY` for each of them."""
ENTRY = 100
LONGEST = 32_768
"""Longer values are not remembered."""


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
