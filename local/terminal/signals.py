"""Being told to end: Ctrl-C, a signal from another program, or a terminal that is gone."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """
    The order to end, raised wherever the program is.

    :param number: the signal it came as
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def listen() -> None:
    """From now on, turn the signals into ``Interrupted``."""
    for number in SIGNALS:
        # What nohup has made to be ignored stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def hang_up_if_unread() -> None:
    """Take it for the order to end if nobody can read any more what this program says."""
    poll = select.poll()
    poll.register(1, 0)
    if any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0)):
        hang_up()


def hang_up() -> None:
    """Say nothing from now on, and end as a closing terminal would have it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    os.kill(os.getpid(), signal.SIGHUP)


@contextmanager
def held() -> Iterator[None]:
    """Hold the order back until the block is done, so that nothing started goes unrecorded."""
    came: list[int] = []
    usual = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    if came and signal.getsignal(came[0]) is _interrupt:
        _interrupt(came[0], None)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # Once is enough: a second order, such as the one that make passes on, must not break off the
    # ending that the first began.
    for listened in SIGNALS:
        signal.signal(listened, _ignore)
    raise Interrupted(number)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; unlike SIG_IGN, started programs do not inherit it."""
