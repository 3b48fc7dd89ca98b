"""
Audit the star for damage: rows that something other than a run has changed, added or deleted.

Rows loaded from files are compared with the checksums recorded when they were published, derived
rows with a new derivation. A derived table is judged only if its origins are intact; otherwise the
damage of one hour would also be reported in others.
"""

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook

from sparkify.macros import statement
from sparkify.runs.hours import DAG_ID, Hour, Span, recorded, repair_commands, spans
from sparkify.runs.names import correct_names
from sparkify.warehouse import commit, insert_rows, lock, session
from sparkify.window import HOUR, Window, utc

UNFINISHED = {"failed", "under way", "abandoned"}
"""States of an hour in which only some tables may be loaded."""

BY_USER = ("users", "user_levels")
CATALOGUE = ("songs", "artists")
TABLES = (
    *("repaired_names", "songplays", "user_events", "time", "session_hours", "song_days"),
    *(*BY_USER, *CATALOGUE, "links"),
)
"""The parts of the audit, in order."""

EXAMPLES = 5

Show = Callable[[str], None]


class Rows(NamedTuple):
    """How many rows of an hour a table has, and how many it should have."""

    held: int
    expected: int

    @property
    def is_surplus(self) -> bool:
        """Whether there are too many rows."""
        return self.held > self.expected

    def __str__(self) -> str:
        if self.held == self.expected:
            return "rows were changed"
        return f"{self.held:,} {'row' if self.held == 1 else 'rows'}, not {self.expected:,}"


@dataclass
class Damage:
    """
    What an audit found, and what it could not judge.

    :param hours: damaged hours by table
    :param catalogue: damaged ids by table
    :param names: number of entries of ``repaired_names`` that were corrected
    :param left_out: why a table was not audited, by table
    """

    hours: dict[str, dict[datetime, Rows]] = field(default_factory=dict)
    catalogue: dict[str, list[str]] = field(default_factory=dict)
    names: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def was_found(self) -> bool:
        """Whether anything is damaged, or was."""
        return bool(self.starts or self.catalogue or self.names)

    @property
    def starts(self) -> list[datetime]:
        """The damaged hours."""
        return sorted({start for found in self.hours.values() for start in found})

    def tables_of(self, start: datetime) -> str:
        """List the tables in which an hour is damaged."""
        return ", ".join(table for table, found in self.hours.items() if start in found)

    def describe(self, newest: datetime | None) -> str:
        """
        Describe the damage and how to fix it.

        :param newest: an hour to load again in order to read the catalogue, if there is one
        """
        lines = [f"  {line}" for table in TABLES for line in self._lines(table)]
        if not self.was_found:
            lines.append("No damage was found.")
        if self.left_out:
            lines.append("Not audited; once this is resolved, audit again:")
            lines += [f"  {table}: {why}" for table, why in self.left_out.items()]
        commands = ["airflow sparkify forget --catalogue"] if self.catalogue else []
        for turn in range(3):
            commands += _commands([start for start in self.starts if self._turn(start) == turn])
        if self.catalogue and newest and not self.starts:
            # Any run reads the song files.
            commands += _commands([newest])
        if commands:
            lines += ["To fix it:", *(f"  {command}" for command in commands)]
        return "\n".join(lines)

    def _lines(self, table: str) -> Iterator[str]:
        found = self.hours.get(table, {})
        for span in spans(Hour(start, "") for start in sorted(found)):
            rows = [rows for start, rows in found.items() if span.first <= start <= span.last]
            total = Rows(sum(one.held for one in rows), sum(one.expected for one in rows))
            yield f"{table:<14} {span}: {total}"
        if ids := self.catalogue.get(table):
            more = ", …" if len(ids) > EXAMPLES else ""
            shown = ", ".join(ids[:EXAMPLES])
            yield f"{table:<14} {len(ids)} differ from the song files: {shown}{more}"
        if table == "repaired_names" and self.names:
            yield f"{table:<14} {self.names} wrong or missing, now corrected"

    def _turn(self, start: datetime) -> int:
        """
        Return when to load an hour: first those with surplus plays or spells.

        A play that was moved blocks the load of its own hour, and a spell that was moved stays
        until the hour that it was moved to is loaded. A user that was set back, however, is
        reported in the hour of that row unless the hour of the latest event is loaded first.
        """
        rows = {table: found[start] for table, found in self.hours.items() if start in found}
        if any(table in rows and rows[table].is_surplus for table in ("songplays", "user_levels")):
            return 0
        return 2 if all(found.is_surplus for found in rows.values()) else 1


@dataclass
class Audit:
    """An audit of the warehouse, for a range of hours or for everything."""

    hook: DbApiHook
    hours: Window | None = None
    damage: Damage = field(default_factory=Damage)

    def run(self, show: Show) -> Damage:
        """Compare all tables, mark the damaged hours, and show progress."""
        with session(self.hook) as cursor:
            self._run(cursor, show)
        return self.damage

    def _run(self, cursor: Any, show: Show) -> None:
        before = self._states(cursor)
        found: dict[str, list[tuple[Any, ...]]] = {}
        for number, table in enumerate(TABLES, start=1):
            show(f"{table}, {number} of {len(TABLES)}")
            if table == "repaired_names":
                # First, because summaries and links depend on repaired names.
                select = statement("damage/names.sql")
                self.damage.names = len(correct_names(cursor, self.hook.conn_type, select))
            else:
                found[table] = self._compare(cursor, table)
        states = self._states(cursor)
        unfinished = {
            start
            for start in before.keys() | states.keys()
            # A run that loads meanwhile makes the tables differ.
            if before.get(start) != states.get(start) or states[start][0] in UNFINISHED
        }
        self._judge(found, states, unfinished)
        self._mark(cursor)

    def newest(self) -> datetime | None:
        """Return the newest hour that has ended and was loaded."""
        now = datetime.now(UTC)
        loaded = (hour.start for hour in recorded(self.hook) if hour.state not in UNFINISHED)
        return max((start for start in loaded if start + HOUR <= now), default=None)

    def _compare(self, cursor: Any, table: str) -> list[tuple[Any, ...]]:
        hours = self.hours
        if table == "user_events":
            # Users and their levels depend on all hours.
            hours = None
        elif hours and table == "song_days":
            hours = hours.touched_days
        return self._fetch(cursor, statement(f"damage/{table}.sql", hours))

    def _states(self, cursor: Any) -> dict[datetime, tuple[str, datetime | None]]:
        rows = self._fetch(cursor, "select hour_start, state, loaded_at from hour_states")
        return {utc(hour): (state, loaded_at) for hour, state, loaded_at in rows}

    def _fetch(self, cursor: Any, query: str) -> list[tuple[Any, ...]]:
        cursor.execute(query)
        rows = list(cursor.fetchall())
        # On Redshift a reader blocks writers until it commits.
        commit(cursor)
        return rows

    def _judge(
        self,
        found: Mapping[str, list[tuple[Any, ...]]],
        states: Mapping[datetime, tuple[str, datetime | None]],
        unfinished: set[datetime],
    ) -> None:
        by_hour = {
            table: {
                utc(start): Rows(int(held), int(expected))
                for start, held, expected in found[table]
                if table != "song_days" and utc(start) not in unfinished
            }
            for table in found
            if table not in CATALOGUE
        }
        by_hour["song_days"] = self._first_hours(found["song_days"], states, unfinished, by_hour)
        for table in ("time", "session_hours", "links"):
            by_hour[table] = {
                start: rows
                for start, rows in by_hour[table].items()
                if start not in by_hour["songplays"]
            }
        if unfinished:
            self._leave_out(BY_USER, "hours failed or are being loaded", by_hour)
        elif by_hour["user_events"]:
            self._leave_out(BY_USER, "user_events is damaged", by_hour)
        if any(states[start][0] == "under way" for start in unfinished & states.keys()):
            self._leave_out((*CATALOGUE, "links"), "hours are being loaded", by_hour)
        else:
            self.damage.catalogue = {
                table: [row[0] for row in found[table]] for table in CATALOGUE if found[table]
            }
        if self.damage.catalogue:
            self._leave_out(("links",), "the catalogue is damaged", by_hour)
        by_hour["user_events"] = {
            start: rows for start, rows in by_hour["user_events"].items() if self._in_range(start)
        }
        self.damage.hours = {table: by_hour[table] for table in TABLES if by_hour.get(table)}

    def _leave_out(self, tables: Iterable[str], why: str, by_hour: dict[str, Any]) -> None:
        for table in tables:
            self.damage.left_out[table] = why
            by_hour.pop(table, None)

    def _first_hours(
        self,
        rows: Iterable[tuple[Any, ...]],
        states: Iterable[datetime],
        unfinished: Iterable[datetime],
        by_hour: Mapping[str, Iterable[datetime]],
    ) -> dict[datetime, Rows]:
        """Return the first hour of each day with a damaged summary; loading it rebuilds that."""
        others = {start.date() for start in (*unfinished, *by_hour["songplays"])}
        found = {}
        for day, held, expected in rows:
            if day not in others:
                midnight = datetime.combine(day, time(), UTC)
                hours = (hour for hour in states if hour.date() == day and self._in_range(hour))
                found[min(hours, default=midnight)] = Rows(int(held), int(expected))
        return found

    def _in_range(self, hour: datetime) -> bool:
        return self.hours is None or self.hours.start <= hour < self.hours.end

    def _mark(self, cursor: Any) -> None:
        rows = [
            (start.replace(tzinfo=None), self.damage.tables_of(start))
            for start in self.damage.starts
        ]
        lock(cursor, self.hook.conn_type, "hour_loads")
        cursor.execute("create temp table found_damage (hour_start timestamp, damage varchar(250))")
        if rows:
            insert_rows(self.hook.conn_type, cursor, "found_damage", "hour_start, damage", rows)
        if not self.damage.left_out:
            # Otherwise what was not audited may still be damaged.
            cursor.execute(statement("damage/clear.sql", self.hours))
        cursor.execute(statement("damage/mark.sql"))
        cursor.execute(statement("damage/enter.sql"))
        cursor.execute("drop table found_damage")


def _commands(starts: Sequence[datetime]) -> list[str]:
    """Return the commands that load these hours again; a backfill takes only ended hours."""
    now = datetime.now(UTC)
    ended = [start for start in starts if start + HOUR <= now]
    to_come = spans(Hour(start, "") for start in starts if start + HOUR > now)
    return repair_commands(ended) + [_range_command(span) for span in to_come]


def _range_command(span: Span) -> str:
    conf = json.dumps(
        {"start": f"{span.first:%Y-%m-%dT%H:%MZ}", "end": f"{span.last + HOUR:%Y-%m-%dT%H:%MZ}"}
    )
    return shlex.join(["airflow", "dags", "trigger", DAG_ID, "--conf", conf])


def forget_catalogue(hook: DbApiHook) -> None:
    """Make the next run read every song file again; delete songs that the mirror lacks."""
    with session(hook) as cursor:
        lock(cursor, hook.conn_type, "song_files")
        for name in ("prune/songs.sql", "prune/artists.sql", "catalogue/forget.sql"):
            cursor.execute(statement(name))
