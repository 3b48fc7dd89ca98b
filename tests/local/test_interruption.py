"""Being told to end, once and again."""

import os
import signal
from collections.abc import Iterator

import pytest

from local.interruption import SIGNALS, Interrupted, held, listen


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_order_is_raised_where_the_program_is(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as interrupted:
        os.kill(os.getpid(), number)
    assert interrupted.value.number == number


def test_the_order_waits_until_what_is_held_is_done() -> None:
    done = []

    def work() -> None:
        with held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("held")
        done.append("after")

    with pytest.raises(Interrupted):
        work()
    assert done == ["held"]


def test_a_second_order_does_not_break_off_the_ending() -> None:
    done = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            # As make does, which passes on what it is told.
            os.kill(os.getpid(), signal.SIGTERM)
            with held():
                os.kill(os.getpid(), signal.SIGTERM)
            done.append("ended")

    with pytest.raises(Interrupted) as interrupted:
        work()
    assert done == ["ended"]
    assert interrupted.value.number == signal.SIGINT
