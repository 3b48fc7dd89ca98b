"""An iterable that works ahead of its consumer, in a thread of its own."""

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

LOOK_UP = 0.1
"""Seconds after which a producer that is far ahead looks whether its consumer has left."""


def in_background(items: Iterable[Item], ahead: int = 1) -> Iterator[Item]:
    """
    The same items, of which up to ``ahead`` wait for being asked for, and one more is made.

    An error of the producer is raised where the consumer stands; a consumer that leaves early
    ends the producer.
    """
    ready: Queue[tuple[Item] | BaseException | None] = Queue(ahead)
    left = Event()

    def put(entry: tuple[Item] | BaseException | None) -> None:
        while not left.is_set():
            try:
                ready.put(entry, timeout=LOOK_UP)
            except Full:
                continue
            return

    def produce() -> None:
        try:
            for item in items:
                put((item,))
                if left.is_set():
                    return
            put(None)
        except BaseException as error:  # handed over, and raised by the consumer
            put(error)

    Thread(target=produce, daemon=True, name="in_background").start()
    try:
        while (entry := ready.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            yield entry[0]
    finally:
        left.set()
