"""
Seeded chance that gives the same draws on every machine and Python version.

Only ``random()`` is drawn, the one method whose sequence Python promises to keep, and only sums,
products and quotients are taken of it: logarithms and powers differ between C libraries.
"""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Chance:
    """
    One stream of chance, independent of all others.

    :param seed: the world's seed
    :param purpose: what the stream decides; another purpose is another stream
    """

    def __init__(self, seed: int, purpose: str) -> None:
        self.draw = Random(f"{seed}/{purpose}").random  # noqa: S311 - nothing secret is drawn

    def below(self, bound: int) -> int:
        """Return a number from 0 to just below the bound."""
        return int(self.draw() * bound)

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self.draw() * len(choices))]

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.draw() < probability

    def some(self, count: int, rate: float) -> set[int]:
        """Indices below ``count``, each taken at ``rate``; at least one where there is one."""
        taken = {index for index in range(count) if self.draw() < rate}
        return taken or {self.below(count)}

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in another order."""
        return sorted(items, key=lambda _: self.draw())


class Skewed(Generic[T]):
    """
    Items of falling popularity: the n-th weighs ``1 / (n + flatness)``, after Zipf.

    :param items: most popular first
    :param flatness: how far the head is flattened
    """

    def __init__(self, items: Sequence[T], flatness: int) -> None:
        self._items = items
        self._bounds = list(accumulate(1 / (rank + flatness) for rank in range(1, len(items) + 1)))

    def at(self, draw: float) -> T:
        """Return the item which a draw from [0, 1) falls on."""
        return self._items[bisect(self._bounds, draw * self._bounds[-1], 0, len(self._items) - 1)]
