"""Progress display: live on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Task as Row

from local.terminal.signals import hang_up


class Output:
    """Standard output that hangs up this process once its reader is gone."""

    def __init__(self) -> None:
        self._stream = sys.stdout

    def write(self, text: str) -> int:
        """Write, or hang up if nobody reads."""
        with _hanging_up():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or hang up if nobody reads."""
        with _hanging_up():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _hanging_up() -> Iterator[None]:
    try:
        yield
    except OSError:
        hang_up()


class Step(Protocol):
    """A unit of work in progress."""

    def show(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Show progress."""


class Screen:
    """
    The steps of the work, each with its state and duration.

    :param console: console to print to
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()
        self._live: Progress | None = None

    @classmethod
    def on_stdout(cls) -> "Screen":
        """Return a screen on standard output."""
        width = None if sys.stdout.isatty() else 120
        # Output has all that rich needs of a file.
        return cls(Console(file=Output(), width=width))  # type: ignore[arg-type]

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs; steps may overlap."""
        step = LiveStep(self._live, title) if self._live else PlainStep(self, title)
        yield step
        step.finish()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Animate the steps on a terminal while the block runs."""
        if not self.console.is_terminal:
            yield
            return
        with _progress(self.console) as self._live:
            try:
                yield
            finally:
                self._live = None

    def print(self, text: str) -> None:
        """Print text without markup."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.began


class LiveStep:
    """A line on the terminal, with a bar once the total is known."""

    def __init__(self, progress: Progress, title: str) -> None:
        self.progress = progress
        self.row: TaskID = progress.add_task(title, total=None, detail="")

    def show(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Redraw the line."""
        self.progress.update(self.row, detail=detail, completed=done, total=total or None)

    def finish(self) -> None:
        """Mark the line as done."""
        self.progress.update(self.row, detail="", completed=1, total=1)


class PlainStep:
    """Printed lines: start, progress and end."""

    def __init__(self, screen: Screen, title: str) -> None:
        self.screen = screen
        self.title = title
        self.began = time.monotonic()
        self.done = 0
        self._print(" …")

    def show(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Print a line when more is done than before."""
        if done > self.done:
            self.done = done
            self._print(f": {done} of {total}; {detail}".rstrip("; "))

    def finish(self) -> None:
        """Print the duration."""
        self._print(f": done in {time.monotonic() - self.began:.1f} s")

    def _print(self, text: str) -> None:
        self.screen.print(f"[{self.screen.elapsed():5.1f} s] {self.title}{text}")


class _Bar(BarColumn):
    """A bar for steps with a total, nothing for the others."""

    # rich declares that only bars are returned, and takes anything that it can render.
    def render(self, task: Row) -> object:  # type: ignore[override]
        """Draw the bar."""
        return super().render(task) if (task.total or 0) > 1 else ""


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        _Bar(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[detail]}"),
        console=console,
    )
