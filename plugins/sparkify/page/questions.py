"""The questions of ``sql/questions``, and their SQL for a range of days, a level and a place."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import date as Date  # noqa: N812 - a field of a range is named date
from functools import cache
from typing import Literal, NamedTuple

from sparkify import dictionary
from sparkify.macros import MACROS, environment, in_window, sql_files, sql_folder
from sparkify.warehouse import quoted
from sparkify.window import Window

AS_OF = "select data_as_of from data_as_of"

Level = Literal["free", "paid"]


@dataclass(frozen=True)
class Filters:
    """
    What the answers are limited to; None is no limit.

    :param first: first day
    :param last: last day, inclusive
    :param level: level at the time of the play
    :param place: where the play came from
    """

    first: Date | None = None
    last: Date | None = None
    level: Level | None = None
    place: str | None = None

    @property
    def window(self) -> Window | None:
        """The range of days as a window; none if both ends are open."""
        if self.first is None and self.last is None:
            return None
        start = self.first or Date.min
        end = self.last + timedelta(days=1) if self.last and self.last < Date.max else Date.max
        return Window(_midnight(start), _midnight(end))

    @property
    def days(self) -> "Filters":
        """The range of days alone."""
        return Filters(self.first, self.last)

    @property
    def listeners(self) -> "Filters":
        """The level and the place alone."""
        return Filters(level=self.level, place=self.place)


@dataclass(frozen=True)
class Question:
    """A question and its SQL template, named after its file."""

    name: str
    text: str

    @property
    def limit(self) -> int | None:
        """The row limit in the SQL, if it has one."""
        found = re.search(r"\blimit (\d+)", self.text)
        return int(found[1]) if found else None

    @property
    def description(self) -> str:
        """The header comment, as one paragraph."""
        return dictionary.description(self.text)

    def is_filtered(self, filters: Filters) -> bool:
        """Whether the filters change what is asked."""
        return rendered(self, filters) != rendered(self, Filters())


class Query(NamedTuple):
    """A statement and its parameters."""

    sql: str
    parameters: tuple[str, ...]


@cache
def questions() -> dict[str, Question]:
    """Return all questions by name, read once."""
    files = sql_files("questions").items()
    return {name: Question(name, (sql_folder() / file).read_text()) for name, file in files}


def rendered(question: Question, filters: Filters) -> str:
    """Render the question's SQL to be read, and to be run by hand."""
    return _render(question, filters, quoted(filters.place or ""))


def query(question: Question, filters: Filters) -> Query:
    """Render the question's SQL to be run, with the place, which is a user's text, bound to it."""
    sql = _render(question, filters, "%s")
    return Query(sql, (filters.place or "",) * sql.count("%s"))


def _render(question: Question, filters: Filters, place: str) -> str:
    macros = MACROS | in_window(filters.window) | _listeners(filters, place)
    return environment().from_string(question.text).render(macros)


def _listeners(filters: Filters, place: str) -> dict[str, Callable[..., object]]:
    """Return the macros that restrict a question to a level and a place, if there is one."""

    def of_level_and_place(level: str = "level", location: str = "location") -> str:
        of_level = [f"{level} = '{filters.level}'"] if filters.level else []
        of_place = [f"coalesce({location}, '(unknown)') = {place}"] if filters.place else []
        return f"({' and '.join(of_level + of_place)})"

    if filters.listeners == Filters():
        return {}
    return {"of_level_and_place": of_level_and_place, "has_level_or_place": lambda: True}


def _midnight(day: Date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
