"""Being told to end: Ctrl-C in the terminal, or a signal from another program."""

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
        signal.signal(number, _interrupt)


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
