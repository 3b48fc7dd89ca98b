"""The questions of ``sql/questions``, and their SQL for a range of days."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import date as Date  # noqa: N812 - a field of a range is named date
from functools import cache

from sparkify import dictionary
from sparkify.macros import MACROS, environment, in_window, sql_files, sql_folder
from sparkify.window import Window

AS_OF = "select data_as_of from data_as_of"


@dataclass(frozen=True)
class Range:
    """A range of days, both inclusive; None is an open end."""

    first: Date | None = None
    last: Date | None = None

    @property
    def window(self) -> Window | None:
        """The range as a window; none if both ends are open."""
        if self.first is None and self.last is None:
            return None
        start = self.first or Date.min
        end = self.last + timedelta(days=1) if self.last and self.last < Date.max else Date.max
        return Window(_midnight(start), _midnight(end))


@dataclass(frozen=True)
class Question:
    """A question and its SQL template, named after its file."""

    name: str
    text: str

    @property
    def has_range(self) -> bool:
        """Whether the answer depends on the range."""
        return "in_range(" in self.text

    @property
    def limit(self) -> int | None:
        """The row limit in the SQL, if it has one."""
        found = re.search(r"\blimit (\d+)", self.text)
        return int(found[1]) if found else None

    @property
    def description(self) -> str:
        """The header comment, as one paragraph."""
        return dictionary.description(self.text)


@cache
def questions() -> dict[str, Question]:
    """Return all questions by name, read once."""
    files = sql_files("questions").items()
    return {name: Question(name, (sql_folder() / file).read_text()) for name, file in files}


def rendered(question: Question, days: Range) -> str:
    """Render the question's SQL for a range of days."""
    # Dates, not user text, go into the SQL.
    return environment().from_string(question.text).render(MACROS | in_window(days.window))


def _midnight(day: Date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
