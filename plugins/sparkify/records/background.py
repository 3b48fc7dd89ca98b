"""Run an iterable ahead of its consumer, in a thread."""

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

POLL = 0.1
"""Seconds between a blocked producer's checks for whether its consumer has stopped."""


def in_background(items: Iterable[Item], ahead: int = 1) -> Iterator[Item]:
    """
    Yield the same items, keeping up to ``ahead`` ready while the next one is produced.

    An error of the producer is raised in the consumer. A consumer that stops early ends the
    producer.
    """
    ready: Queue[tuple[Item] | BaseException | None] = Queue(ahead)
    stopped = Event()

    def put(entry: tuple[Item] | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=POLL)
            except Full:
                continue
            return

    def produce() -> None:
        try:
            for item in items:
                put((item,))
                del item  # or it would be kept while the next one is produced
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # raised in the consumer
            put(error)

    Thread(target=produce, daemon=True, name="in_background").start()
    try:
        while (entry := ready.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            yield entry[0]
    finally:
        stopped.set()
