"""The questions of ``sql/questions``: what they answer, and their SQL for a range of days."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import date as Date  # noqa: N812 - a field of a range is named date
from functools import cache

from sparkify.macros import MACROS, environment, sql_files, sql_folder
from sparkify.window import Window

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
    """A question by the name of its file; it may be about all of time, or a range of it."""

    name: str
    text: str

    @property
    def has_range(self) -> bool:
        """Whether its answer depends on the range that is asked about."""
        return "in_range(" in self.text

    @property
    def limit(self) -> int | None:
        """How many rows its answer has at most, where the question itself says so."""
        found = re.search(r"\blimit (\d+)", self.text)
        return int(found[1]) if found else None

    @property
    def description(self) -> str:
        """The head comment, as one paragraph."""
        head = re.match(r"(?:--.*\n)+", self.text)
        lines = head[0].splitlines() if head else []
        return " ".join(line.removeprefix("--").strip() for line in lines)


@cache
def questions() -> dict[str, Question]:
    """All questions, by name, as they were when they were first asked for."""
    files = sql_files("questions").items()
    return {name: Question(name, (sql_folder() / file).read_text()) for name, file in files}


def rendered(question: Question, days: Range) -> str:
    """The question's SQL, about a range of days."""
    return environment().from_string(question.text).render(MACROS | {"in_range": days.holds})


def _midnight(day: Date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
