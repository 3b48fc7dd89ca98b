"""Orderly shutdown on Ctrl-C, on a signal, or when the terminal goes away."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """
    A request to shut down, raised wherever the program is.

    :param number: the signal that was received
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def handle_signals() -> None:
    """Raise ``Interrupted`` on the signals from now on."""
    for number in SIGNALS:
        # Keep a signal ignored that nohup ignores.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def hang_up_if_unread() -> None:
    """Hang up if nobody reads standard output any more."""
    poll = select.poll()
    poll.register(1, 0)
    if any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0)):
        hang_up()


def hang_up() -> None:
    """Discard further output and shut down as if the terminal had closed."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    os.kill(os.getpid(), signal.SIGHUP)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Defer signals until the block is done, so that no started process goes unrecorded."""
    received: list[int] = []
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received and signal.getsignal(received[0]) is _interrupt:
        _interrupt(received[0], None)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # A second signal, such as the one that make passes on, must not abort the shutdown that the
    # first one began.
    for handled in SIGNALS:
        signal.signal(handled, _ignore)
    raise Interrupted(number)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; unlike SIG_IGN, child processes do not inherit it."""
