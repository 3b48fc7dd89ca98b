"""
Random numbers that are the same on every machine and Python version.

They use only ``random()``, whose sequence Python guarantees, and basic arithmetic: logarithms and
powers differ between C libraries.
"""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Rng:
    """
    A random number generator for one purpose, independent of all others.

    :param seed: the world's seed
    :param purpose: what it decides; each purpose has its own sequence
    """

    def __init__(self, seed: int, purpose: str) -> None:
        self.draw = Random(f"{seed}/{purpose}").random  # noqa: S311 - not for secrets

    def below(self, bound: int) -> int:
        """Return an integer from 0 up to, but not including, the bound."""
        return int(self.draw() * bound)

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self.draw() * len(choices))]

    def happens(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.draw() < probability

    def some(self, count: int, rate: float) -> set[int]:
        """Return indices below ``count``, each with probability ``rate``; at least one."""
        taken = {index for index in range(count) if self.draw() < rate}
        return taken or {self.below(count)}

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order."""
        return sorted(items, key=lambda _: self.draw())


class Skewed(Generic[T]):
    """
    Items with a Zipf-like distribution: the weight of the n-th is ``1 / (n + flatness)``.

    :param items: most popular first
    :param flatness: how much to flatten the head of the distribution
    """

    def __init__(self, items: Sequence[T], flatness: int) -> None:
        self._items = items
        self._bounds = list(accumulate(1 / (rank + flatness) for rank in range(1, len(items) + 1)))

    def at(self, draw: float) -> T:
        """Return the item at a draw from [0, 1)."""
        return self._items[bisect(self._bounds, draw * self._bounds[-1], 0, len(self._items) - 1)]
