"""The questions of ``sql/questions``: what they answer, and their SQL for a range of days."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import date as Date  # noqa: N812 - a field of a range is named date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sparkify.window import Window

SQL = Path(__file__).parents[3] / "sql"
"""Where it stands in a deployment: beside ``plugins/``."""

AS_OF = "select data_as_of from data_as_of"


@dataclass(frozen=True)
class Range:
    """The days that are asked about, both included; none is a bound that is not there."""

    first: Date | None = None
    last: Date | None = None

    def holds(self, column: str) -> str:
        """The predicate of the rows inside, by a date or timestamp: made of dates, not of text."""
        if self.first is None and self.last is None:
            return "1 = 1"
        start = self.first or Date.min
        end = self.last + timedelta(days=1) if self.last and self.last < Date.max else Date.max
        return Window(_midnight(start), _midnight(end)).holds(column)


@dataclass(frozen=True)
class Question:
    """A question by the name of its file."""

    name: str
    text: str

    @property
    def description(self) -> str:
        """The head comment, as one paragraph."""
        head = re.match(r"(?:--.*\n)+", self.text)
        lines = head[0].splitlines() if head else []
        return " ".join(line.removeprefix("--").strip() for line in lines)


def questions(folder: Path = SQL) -> dict[str, Question]:
    """All questions, by name."""
    files = sorted((folder / "questions").glob("*.sql"))
    return {file.stem: Question(file.stem, file.read_text()) for file in files}


def rendered(question: Question, days: Range) -> str:
    """The question's SQL, about a range of days."""
    environment = Environment(
        loader=FileSystemLoader(SQL),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it is SQL
    )
    return environment.from_string(question.text).render(in_range=days.holds)


def _midnight(day: Date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
