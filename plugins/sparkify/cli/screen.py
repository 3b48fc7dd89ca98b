"""Output of the commands: a live progress bar in a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from sparkify.cli.follow import Progress

# A log needs no line for every run, but a failure is printed at once.
SECONDS_BETWEEN_LINES = 10.0

Show = Callable[[Progress], None]


@dataclass(frozen=True)
class Screen:
    """The output of a command: standard output and standard error."""

    console: Console
    errors: Console

    def print(self, text: str) -> None:
        """Print text as it is."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def print_error(self, text: str) -> None:
        """Print text as it is to standard error."""
        self.errors.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[Show]:
        """Show progress while the block runs."""
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            with _bar(self.console) as bar:
                yield self._with_obstacles(_redraw(bar))
        else:
            yield self._with_obstacles(self._print_changes())

    @contextmanager
    def working(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show the current step in a terminal while the block runs."""
        with self.console.status(what) as status:
            yield lambda where: status.update(f"{what} {where}")

    def _with_obstacles(self, show: Show) -> Show:
        shown = ""

        def both(progress: Progress) -> None:
            nonlocal shown
            show(progress)
            if progress.obstacle != shown:
                shown = progress.obstacle
                self.print(f"Waiting: {shown}" if shown else "Continuing.")

        return both

    def _print_changes(self) -> Show:
        shown: Progress | None = None

        def show(progress: Progress) -> None:
            nonlocal shown
            if shown is None or _is_news(progress, shown):
                shown = progress
                self.print(str(progress))

        return show


def _is_news(now: Progress, shown: Progress) -> bool:
    if now.done == shown.done:
        return False
    is_time = now.elapsed - shown.elapsed >= SECONDS_BETWEEN_LINES
    return is_time or now.failed > shown.failed or now.done == now.total


def _bar(console: Console) -> Bar:
    return Bar(BarColumn(bar_width=16), TextColumn("{task.description}"), console=console)


def _redraw(bar: Bar) -> Show:
    row = bar.add_task("")

    def show(progress: Progress) -> None:
        bar.update(row, description=str(progress), completed=progress.done, total=progress.total)

    return show
