"""What a person sees while ``make run`` works: live in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Task as Row

from local.terminal.signals import hang_up


class Audience:
    """Standard output as it was; once nobody reads it any more, that is the order to end."""

    def __init__(self) -> None:
        self._stream = sys.stdout

    def write(self, text: str) -> int:
        """Write, as far as anybody reads."""
        with _heard():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is left, as far as anybody reads."""
        with _heard():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _heard() -> Iterator[None]:
    try:
        yield
    except OSError:
        hang_up()


class Step(Protocol):
    """One thing that is being done."""

    def show(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Say how far it is."""


class Screen:
    """
    The steps of the work, each with its state and the time it takes.

    :param console: where it is shown
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()
        self._live: Progress | None = None

    @classmethod
    def of_output(cls) -> "Screen":
        """A screen on standard output."""
        # Lines in a file may be as long as they are.
        width = None if sys.stdout.isatty() else 120
        # Of a file rich needs no more than Audience has.
        return cls(Console(file=Audience(), width=width))  # type: ignore[arg-type]

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step as long as the block runs; steps may overlap."""
        step = LiveStep(self._live, title) if self._live else PlainStep(self, title)
        yield step
        step.finish()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Keep the steps moving on a terminal as long as the block runs."""
        if not self.console.is_terminal:
            yield
            return
        with _progress(self.console) as self._live:
            try:
                yield
            finally:
                self._live = None

    def say(self, text: str) -> None:
        """Print text as it is."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began


class LiveStep:
    """A line on the terminal, with a bar once it is known how much there is to do."""

    def __init__(self, progress: Progress, title: str) -> None:
        self.progress = progress
        self.row: TaskID = progress.add_task(title, total=None, detail="")

    def show(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Redraw the line."""
        self.progress.update(self.row, detail=detail, completed=done, total=total or None)

    def finish(self) -> None:
        """Tick the line off."""
        self.progress.update(self.row, detail="", completed=1, total=1)


class PlainStep:
    """Printed lines: the beginning, each part that is done, and the end."""

    def __init__(self, screen: Screen, title: str) -> None:
        self.screen = screen
        self.title = title
        self.began = time.monotonic()
        self.done = 0
        self._say(" …")

    def show(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Print a line for what is newly done."""
        if done > self.done:
            self.done = done
            self._say(f": {done} of {total}; {detail}".rstrip("; "))

    def finish(self) -> None:
        """Say that it is done and how long it took."""
        self._say(f": done in {time.monotonic() - self.began:.1f} s")

    def _say(self, text: str) -> None:
        self.screen.say(f"[{self.screen.elapsed():5.1f} s] {self.title}{text}")


class _Bar(BarColumn):
    """A bar for steps that are counted, and nothing for the others."""

    def render(self, task: Row) -> object:  # type: ignore[override]
        """Draw it."""
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
