"""Answers the page's questions: a few at once, in threads of its own, each once for all who ask."""

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus

AT_ONCE = 3
"""A page asks many questions; the warehouse has its loads to do."""

PATIENCE = 30.0
"""Seconds for which a request waits, in the queue and for its answer."""

FRESH = 60.0
"""Seconds for which an answer is good enough to be given again."""

RETRY_AFTER = 5
"""Seconds after which it makes sense to ask again what was not answered."""

KEPT = 256
"""How many answers are kept at most."""


@dataclass(frozen=True)
class Reply:
    """What a request is answered; ``body`` is compressed by gzip."""

    body: bytes
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK
    made_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """Whether it may be given again; nor is what failed tried anew for each request."""
        good_for = FRESH if self.status == HTTPStatus.OK else RETRY_AFTER
        return time.monotonic() - self.made_at < good_for


class Desk:
    """
    Keeps the work of the page off the threads that Airflow's own API shares.

    A request that gives up leaves nothing behind: what was not begun for it is not begun any more,
    what was begun ends by its own timeout, and its answer is there for whoever asks next.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "sparkify-page")
        self._replies: dict[Hashable, Future[Reply]] = {}

    async def reply(self, key: Hashable, work: Callable[[], Reply]) -> Reply | None:
        """
        The reply to a question; none if there was no time for it.

        :param work: finds the reply, and raises nothing
        """
        if key not in self._replies or not _is_good(self._replies[key]):
            self._make_room()
            self._replies[key] = self._threads.submit(work)
        future = self._replies[key]
        await asyncio.wait({asyncio.wrap_future(future)}, timeout=PATIENCE)
        if not future.done():
            future.cancel()
        return None if future.cancelled() or not future.done() else future.result()

    def _make_room(self) -> None:
        good = {key: future for key, future in self._replies.items() if _is_good(future)}
        # The oldest go first, but nobody's whose answer is still being found.
        spare = [key for key, future in good.items() if future.done()]
        for key in spare[: max(0, len(good) - KEPT + 1)]:
            del good[key]
        self._replies = good


def _is_good(future: Future[Reply]) -> bool:
    return not future.done() or (not future.cancelled() and future.result().is_fresh)
