"""
Damage: rows of the star that something other than a run has changed, added or taken out.

What is loaded from files is compared with what was noted of it as it was published; what is derived
is derived anew, and compared. A table is judged only where those that it is derived from are whole:
else the damage of one hour would be found in others, too.
"""

import json
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook

from sparkify.macros import statement
from sparkify.mojibake import repair
from sparkify.runs.hours import DAG_ID, HOUR, Hour, Span, recorded, repair_commands, spans
from sparkify.warehouse import insert_rows, lock, transaction
from sparkify.window import Window

UNSETTLED = {"failed", "under way", "abandoned"}
"""States of an hour of which some tables may be loaded, and others not."""

BY_USER = ("users", "user_levels")
CATALOGUE = ("songs", "artists")
TABLES = (
    *("repaired_names", "songplays", "user_events", "time", "session_hours", "song_days"),
    *(*BY_USER, *CATALOGUE, "links"),
)
"""What is audited, in this order."""

EXAMPLES = 5

Show = Callable[[str], None]


class Rows(NamedTuple):
    """How many rows a table holds of an hour, and how many it should."""

    held: int
    expected: int

    @property
    def is_surplus(self) -> bool:
        """Whether it holds too many."""
        return self.held > self.expected

    def __str__(self) -> str:
        if self.held == self.expected:
            return "rows were changed"
        return f"{self.held:,} {'row' if self.held == 1 else 'rows'}, not {self.expected:,}"


@dataclass
class Damage:
    """What an audit has found, and what it could not look at."""

    hours: dict[str, dict[datetime, Rows]] = field(default_factory=dict)
    """By table."""
    catalogue: dict[str, list[str]] = field(default_factory=dict)
    """The ids, by table."""
    names: int = 0
    """Entries of ``repaired_names`` that were put right."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a table was not audited, by table."""

    @property
    def was_found(self) -> bool:
        """Whether anything is, or was, damaged."""
        return bool(self.starts or self.catalogue or self.names)

    @property
    def starts(self) -> list[datetime]:
        """The damaged hours."""
        return sorted({start for found in self.hours.values() for start in found})

    def tables_of(self, start: datetime) -> str:
        """The tables in which an hour is damaged."""
        return ", ".join(table for table, found in self.hours.items() if start in found)

    def describe(self, newest: datetime | None) -> str:
        """
        What is damaged and what mends it, for a person.

        :param newest: an hour that may be loaded again to read the catalogue, if there is one
        """
        lines = [f"  {line}" for table in TABLES for line in self._lines(table)]
        if not self.was_found:
            lines.append("No damage was found.")
        if self.left_out:
            lines.append("Not audited; once that is mended, audit again:")
            lines += [f"  {table}: {why}" for table, why in self.left_out.items()]
        commands = ["airflow sparkify forget --catalogue"] if self.catalogue else []
        for turn in range(3):
            commands += _commands([start for start in self.starts if self._turn(start) == turn])
        if self.catalogue and newest and not self.starts:
            # Any run reads the song files.
            commands += _commands([newest])
        if commands:
            lines += ["To mend it:", *(f"  {command}" for command in commands)]
        return "\n".join(lines)

    def _lines(self, table: str) -> Iterator[str]:
        found = self.hours.get(table, {})
        for span in spans(Hour(start, "") for start in sorted(found)):
            its = [rows for start, rows in found.items() if span.first <= start <= span.last]
            total = Rows(sum(rows.held for rows in its), sum(rows.expected for rows in its))
            yield f"{table:<14} {span}: {total}"
        if ids := self.catalogue.get(table):
            more = ", …" if len(ids) > EXAMPLES else ""
            shown = ", ".join(ids[:EXAMPLES])
            yield f"{table:<14} {len(ids)} not as the song files said: {shown}{more}"
        if table == "repaired_names" and self.names:
            yield f"{table:<14} {self.names} wrong or missing, and put right"

    def _turn(self, start: datetime) -> int:
        """
        When an hour is loaded: first those with plays or spells too many.

        A play that was moved is in the way of its own hour's load, and a spell that was moved
        stands until the hour is loaded that it was moved to. A user that was set back, however, is
        red in the hour of that row, unless the hour of the latest event was loaded before.
        """
        rows = {table: found[start] for table, found in self.hours.items() if start in found}
        if any(table in rows and rows[table].is_surplus for table in ("songplays", "user_levels")):
            return 0
        return 2 if all(its.is_surplus for its in rows.values()) else 1


class Audit:
    """
    One audit.

    :param hook: the warehouse
    :param hours: the range that is audited; everything without one
    """

    def __init__(self, hook: DbApiHook, hours: Window | None = None) -> None:
        self.hook = hook
        self.hours = hours
        self.damage = Damage()

    def run(self, show: Show) -> Damage:
        """Compare table after table, and mark the damaged hours; it tells where it is."""
        with transaction(self.hook) as cursor:
            self._run(cursor, show)
        return self.damage

    def _run(self, cursor: Any, show: Show) -> None:
        before = self._states(cursor)
        found: dict[str, list[tuple[Any, ...]]] = {}
        for number, table in enumerate(TABLES, start=1):
            show(f"{table}, {number} of {len(TABLES)}")
            if table == "repaired_names":
                # Put right first: summaries and links are under names that can be read.
                self.damage.names = self._put_names_right(cursor)
            else:
                found[table] = self._compare(cursor, table)
        states = self._states(cursor)
        unsettled = {
            start
            for start in before.keys() | states.keys()
            # What a run has loaded meanwhile was not the same for every table.
            if before.get(start) != states.get(start) or states[start][0] in UNSETTLED
        }
        self._judge(found, states, unsettled)
        self._mark(cursor)

    def newest(self) -> datetime | None:
        """The newest hour that has ended and was loaded."""
        now = datetime.now(UTC)
        loaded = (hour.start for hour in recorded(self.hook) if hour.state not in UNSETTLED)
        return max((start for start in loaded if start + HOUR <= now), default=None)

    def _compare(self, cursor: Any, table: str) -> list[tuple[Any, ...]]:
        hours = self.hours
        if table == "user_events":
            # Users and their levels depend on all of them.
            hours = None
        elif hours and table == "song_days":
            hours = hours.touched_days
        return self._ask(cursor, statement(f"damage/{table}.sql", hours))

    def _states(self, cursor: Any) -> dict[datetime, tuple[str, datetime | None]]:
        rows = self._ask(cursor, "select hour_start, state, loaded_at from hour_states")
        return {_utc(hour): (state, loaded_at) for hour, state, loaded_at in rows}

    def _ask(self, cursor: Any, question: str) -> list[tuple[Any, ...]]:
        cursor.execute(question)
        rows = list(cursor.fetchall())
        # On Redshift whoever has read stands in the way of whoever writes, until then.
        cursor.execute("commit")
        return rows

    def _judge(
        self,
        found: Mapping[str, list[tuple[Any, ...]]],
        states: Mapping[datetime, tuple[str, datetime | None]],
        unsettled: set[datetime],
    ) -> None:
        by_hour = {
            table: {
                _utc(start): Rows(int(held), int(expected))
                for start, held, expected in found[table]
                if table != "song_days" and _utc(start) not in unsettled
            }
            for table in found
            if table not in CATALOGUE
        }
        by_hour["song_days"] = self._first_hours(found["song_days"], states, unsettled, by_hour)
        for table in ("time", "session_hours", "links"):
            by_hour[table] = {
                start: rows
                for start, rows in by_hour[table].items()
                if start not in by_hour["songplays"]
            }
        if unsettled:
            self._leave_out(BY_USER, "hours failed or are being loaded", by_hour)
        elif by_hour["user_events"]:
            self._leave_out(BY_USER, "user_events is damaged", by_hour)
        if any(states[start][0] == "under way" for start in unsettled & states.keys()):
            self._leave_out((*CATALOGUE, "links"), "hours are being loaded", by_hour)
        else:
            self.damage.catalogue = {
                table: [row[0] for row in found[table]] for table in CATALOGUE if found[table]
            }
        if self.damage.catalogue:
            self._leave_out(("links",), "the catalogue is damaged", by_hour)
        by_hour["user_events"] = {
            start: rows for start, rows in by_hour["user_events"].items() if self._is_meant(start)
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
        unsettled: Iterable[datetime],
        by_hour: Mapping[str, Iterable[datetime]],
    ) -> dict[datetime, Rows]:
        """The first hour of each day whose summary is damaged: loading it makes that anew."""
        others = {start.date() for start in (*unsettled, *by_hour["songplays"])}
        found = {}
        for day, held, expected in rows:
            if day not in others:
                midnight = datetime.combine(day, time(), UTC)
                its = (hour for hour in states if hour.date() == day and self._is_meant(hour))
                found[min(its, default=midnight)] = Rows(int(held), int(expected))
        return found

    def _is_meant(self, hour: datetime) -> bool:
        return self.hours is None or self.hours.start <= hour < self.hours.end

    def _put_names_right(self, cursor: Any) -> int:
        """Enter every garbled name as it was meant, and no other; how many entries were wrong."""
        entries: dict[str, list[str]] = defaultdict(list)
        for name, entry in self._ask(cursor, statement("damage/names.sql")):
            entries[name] += [entry] if entry is not None else []
        meant = {name: [text] if (text := repair(name)) != name else [] for name in entries}
        wrong = [name for name in entries if entries[name] != meant[name]]
        if wrong:
            cursor.execute(lock("repaired_names", self.hook.conn_type))
            cursor.executemany(
                "delete from repaired_names where delivered = %s", [(name,) for name in wrong]
            )
            cursor.executemany(
                "insert into repaired_names (delivered, repaired) values (%s, %s)",
                [(name, text) for name in wrong for text in meant[name]],
            )
            cursor.execute("commit")
        return len(wrong)

    def _mark(self, cursor: Any) -> None:
        rows = [
            (start.replace(tzinfo=None), self.damage.tables_of(start))
            for start in self.damage.starts
        ]
        cursor.execute(lock("hour_loads", self.hook.conn_type))
        cursor.execute("create temp table found_damage (hour_start timestamp, damage varchar(250))")
        if rows:
            insert_rows(self.hook.conn_type, cursor, "found_damage", "hour_start, damage", rows)
        if not self.damage.left_out:
            # Else what was not audited might still be damaged.
            cursor.execute(statement("damage/clear.sql", self.hours))
        cursor.execute(statement("damage/mark.sql"))
        cursor.execute(statement("damage/enter.sql"))
        cursor.execute("drop table found_damage")


def _commands(starts: Sequence[datetime]) -> list[str]:
    """The commands that load these hours again; a backfill has none that has not ended."""
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
    """Have the next run read every song file again; songs that the mirror lacks go at once."""
    with transaction(hook) as cursor:
        cursor.execute(lock("song_files", hook.conn_type))
        for name in ("prune/songs.sql", "prune/artists.sql", "catalogue/forget.sql"):
            cursor.execute(statement(name))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
