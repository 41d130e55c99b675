"""Numbers of a window in order, and exact arithmetic on them.

Exact (whole numbers, else fractions), because a sum of floats depends on the order of its terms, and late events must change
nothing.
"""

from bisect import bisect_left, insort
from fractions import Fraction
from typing import Any

Exact = int | Fraction

_LOAD = 2048
"""numbers in a bucket before it is halved"""


def exact(number: str | float) -> Exact:
    """The number as it is written in decimal: 0.1 is a tenth."""
    if isinstance(number, int):
        return number
    fraction = Fraction(str(number))
    return fraction.numerator if fraction.denominator == 1 else fraction


class Ranked:
    """A sorted multiset in buckets: adding, removing and asking for a rank cost a bucket, not the whole."""

    __slots__ = ("buckets", "highest", "size")

    def __init__(self) -> None:
        self.buckets: list[list[Any]] = []
        self.highest: list[Any] = []
        """the last number of each bucket"""
        self.size = 0

    def add(self, value: Any) -> None:
        self.size += 1
        buckets, highest = self.buckets, self.highest
        if not buckets:
            buckets.append([value])
            highest.append(value)
            return
        place = min(bisect_left(highest, value), len(buckets) - 1)
        bucket = buckets[place]
        insort(bucket, value)
        highest[place] = bucket[-1]
        if len(bucket) > _LOAD:
            half = len(bucket) // 2
            buckets.insert(place + 1, bucket[half:])
            del bucket[half:]
            highest.insert(place, bucket[-1])

    def remove(self, value: Any) -> None:
        """Take one such number out; it must be there."""
        place = bisect_left(self.highest, value)
        bucket = self.buckets[place]
        del bucket[bisect_left(bucket, value)]
        self.size -= 1
        if not bucket:
            del self.buckets[place], self.highest[place]
            return
        self.highest[place] = bucket[-1]
        if len(bucket) < _LOAD // 8 and place and len(self.buckets[place - 1]) < _LOAD // 4:
            # Emptied buckets join, or removing in an unlucky order would leave one for each number.
            self.buckets[place - 1] += bucket
            self.highest[place - 1] = bucket[-1]
            del self.buckets[place], self.highest[place]

    def at(self, rank: int) -> Any:
        """The number at the rank, the smallest at 0."""
        for bucket in self.buckets:
            if rank < len(bucket):
                return bucket[rank]
            rank -= len(bucket)
        raise IndexError(rank)


def hundredfold_percentile(values: Ranked, percent: Exact) -> Exact:
    """A hundred times the percentile, which needs no division: linear interpolation between the closest ranks.

    Source: Hyndman and Fan (1996), "Sample quantiles in statistical packages", definition 7.
    """
    scaled = percent * (values.size - 1)
    rank = int(scaled // 100)
    below: Exact = values.at(rank)
    rest = scaled - 100 * rank
    if not rest:
        return 100 * below
    above: Exact = values.at(rank + 1)
    return 100 * below + (above - below) * rest
