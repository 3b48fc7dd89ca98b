"""Being told to end, once and again, and by nobody reading any more."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.terminal.signals import SIGNALS, Interrupted, defer_signals, handle_signals

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handle_signals()
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
        with defer_signals():
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
            with defer_signals():
                os.kill(os.getpid(), signal.SIGTERM)
            done.append("ended")

    with pytest.raises(Interrupted) as interrupted:
        work()
    assert done == ["ended"]
    assert interrupted.value.number == signal.SIGINT


# What serves, with a process of its own, until it is told to end; then it still has things to say.
SERVING = """
import sys
from pathlib import Path
from types import SimpleNamespace
from local.terminal.signals import Interrupted, defer_signals, handle_signals
from local.deployment.run import stop_airflow, serve
from local.terminal.screen import Screen
from local.deployment.services import Services

handle_signals()
screen = Screen.on_stdout()
folder = Path(sys.argv[1])
deployment = SimpleNamespace(services=Services(folder / "processes.json", folder))
deployment.services.start("airflow", ["sleep", "300"], {"PATH": "/bin:/usr/bin"})
try:
    # Inside, because the terminal may close as soon as this is read.
    screen.print("serving")
    serve(deployment, screen)
    screen.print("ended")
finally:
    with defer_signals():
        stop_airflow(deployment, screen)
    (folder / "done").touch()
"""


def take(descriptor: int) -> None:
    """Make a terminal the one that this process and its children are controlled by."""
    os.setsid()
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("output", ["its terminal", "another terminal", "a pipe"])
def test_whoever_closes_what_it_is_read_on_ends_all_that_it_started(
    tmp_path: Path, output: str
) -> None:
    ours, its = os.pipe() if output == "a pipe" else pty.openpty()
    serving = subprocess.Popen(
        [sys.executable, "-c", SERVING, str(tmp_path)],
        cwd=ROOT,
        stdin=its if output == "its terminal" else subprocess.DEVNULL,
        stdout=its,
        stderr=its,
        start_new_session=output != "its terminal",
        preexec_fn=(lambda: take(its)) if output == "its terminal" else None,
    )
    os.close(its)
    said = b""
    while b"serving" not in said:
        said += os.read(ours, 1000)
    [started] = psutil.Process(serving.pid).children()

    os.close(ours)

    serving.wait(timeout=20)
    assert not started.is_running() or started.status() == psutil.STATUS_ZOMBIE
    assert (tmp_path / "done").exists()
    assert not (tmp_path / "processes.json").exists()


def test_what_nohup_has_made_to_be_ignored_is_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    handle_signals()
    os.kill(os.getpid(), signal.SIGHUP)
