"""What tests remember of values seen lately: one bound for all of them together, because an attacker chooses the values."""

from collections.abc import Callable

ENTRIES = 200_000
CHARS = 16_000_000
LONGEST = 32_768
"""Longer values are not remembered."""


class Memory:
    """Counts what is remembered; when it is too much, everything is forgotten at once."""

    __slots__ = ("_chars", "_chars_most", "_entries", "_entries_most", "_forget")

    def __init__(self, entries: int = ENTRIES, chars: int = CHARS) -> None:
        self._entries_most, self._chars_most = entries, chars
        self._entries = self._chars = 0
        self._forget: list[Callable[[], None]] = []

    def register(self, forget: Callable[[], None]) -> None:
        """Have this called whenever everything is to be forgotten."""
        self._forget.append(forget)

    def charge(self, entries: int, chars: int) -> None:
        """Something was remembered. May forget everything, also what was just charged."""
        self._entries += entries
        self._chars += chars
        if self._entries > self._entries_most or self._chars > self._chars_most:
            self._entries = self._chars = 0
            for forget in self._forget:
                forget()
