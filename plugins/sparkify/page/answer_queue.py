"""Answer the page's questions: a few at a time, in their own threads, each once for all users."""

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus

MAX_CONCURRENT = 3
"""How many questions run at once, since a page asks many and the warehouse has loads to run."""

TIMEOUT = 30.0
"""Seconds that a request waits in the queue and for its answer."""

MAX_AGE = 60.0
"""Seconds for which an answer is reused."""

RETRY_AFTER = 5
"""Seconds after which a question that was not answered may be asked again."""

MAX_CACHED = 256
"""How many answers are cached."""


@dataclass(frozen=True)
class Reply:
    """The reply to a request; its body is compressed with gzip."""

    body: bytes
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK
    made_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        """Whether the reply may be reused; so may a failure, for a shorter time."""
        max_age = MAX_AGE if self.status == HTTPStatus.OK else RETRY_AFTER
        return time.monotonic() - self.made_at < max_age


class AnswerQueue:
    """
    Answers questions outside the threads that Airflow's own API uses.

    If a request times out, its question is cancelled if it has not started. Otherwise it runs until
    its own timeout, and its answer is cached for the next request.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_CONCURRENT, "sparkify-page")
        self._replies: dict[Hashable, Future[Reply]] = {}

    async def reply(self, key: Hashable, work: Callable[[], Reply]) -> Reply | None:
        """
        Return the reply to a question, or None after a timeout.

        :param work: creates the reply, and does not raise
        """
        if key not in self._replies or not _is_usable(self._replies[key]):
            self._evict()
            self._replies[key] = self._threads.submit(work)
        future = self._replies[key]
        await asyncio.wait({asyncio.wrap_future(future)}, timeout=TIMEOUT)
        if not future.done():
            future.cancel()
        return None if future.cancelled() or not future.done() else future.result()

    def _evict(self) -> None:
        usable = {key: future for key, future in self._replies.items() if _is_usable(future)}
        # The oldest first, but none that is still running.
        done = [key for key, future in usable.items() if future.done()]
        for key in done[: max(0, len(usable) - MAX_CACHED + 1)]:
            del usable[key]
        self._replies = usable


def _is_usable(future: Future[Reply]) -> bool:
    return not future.done() or (not future.cancelled() and future.result().is_fresh)
