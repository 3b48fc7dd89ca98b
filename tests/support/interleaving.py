"""Worlds that change while runs are at work: tasks of several runs in any order, by a seed."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook

from local.tools.pipeline import Pipeline
from sparkify.operators.data_quality import DataQualityOperator
from sparkify.records import blocks
from sparkify.runs import hours
from sparkify.settings import setting
from sparkify.sources.partitions import Partition, event_listing
from sparkify.window import HOUR
from tests.reference import expected
from tests.support.dags import task_of
from tests.support.search import budget
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse

WORLDS = budget(48, "SPARKIFY_WORLDS")
"""
How many are played out, from the seed 0 on.

A broken guard shows within them. What only one of thousands shows takes thousands to be found, at
a second each.
"""

DAY = "2018-11-15"
# The last of the day: its file may grow no more once they are loaded.
HOURS = [datetime(2018, 11, 15, hour, tzinfo=UTC) for hour in (21, 22, 23)]
MINUTES = timedelta(minutes=20)

EMPTY = """
do $$ declare its record; begin
    for its in select relname from pg_class
        where relname ~ '^staging_(events|songs)_[0-9a-f]{12}$' and relkind = 'r'
    loop execute format('drop table %I', its.relname); end loop;
end $$;
truncate songplays, user_events, user_levels, users, time, session_hours, song_days,
    rejected_rows, readings, file_ledger, file_ends, continued_hours, file_keys, key_changes,
    load_runs, load_changes, hour_loads, quality_results, forgotten_users
"""
INCOMPLETE = """
select songplays.songplay_id
from songplays
left join users on songplays.user_id = users.user_id
left join time on songplays.start_time = time.start_time
where users.user_id is null or time.start_time is null
"""

CHECKS = (
    "hours_as_loaded",
    "plays_add_up",
    "session_hours_agree",
    "song_days_agree",
    "songplays_as_loaded",
    "songplays_as_played",
    "songplays_times_known",
    "songplays_unique",
    "songplays_users_known",
    "time_played",
    "time_unique",
    "user_events_unique",
    "user_levels_unbroken",
    "users_as_last_seen",
    "users_forgotten",
    "users_unique",
)
"""The checks that may fail for what another run does; those of values and songs may not."""

# No world here has a song: what concerns them is tested elsewhere.
TASKS = {
    "stage_events": (),
    "audit_staged": ("stage_events",),
    "load_user_events": ("audit_staged",),
    "load_time": ("audit_staged",),
    "load_users": ("load_user_events",),
    "load_user_levels": ("load_user_events",),
    "load_songplays": ("load_users", "load_user_levels", "load_time"),
    "check_quality": ("load_songplays",),
    "drop_staging": ("check_quality",),
}
"""What is run of a run, each with what it waits for, as in the DAG."""


@contextmanager
def quickly(pipeline: Pipeline) -> Iterator[None]:
    """Ask only what other runs may have to do with."""
    check = task_of(pipeline.dag, "check_quality", DataQualityOperator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "checks", {name: check.checks[name] for name in CHECKS})
        yield


class Run:
    """One run: what it was asked for, and how far it has come."""

    def __init__(self, pipeline: Pipeline, start: datetime, end: datetime) -> None:
        self.pipeline = pipeline
        self.context = pipeline.context(start.isoformat(), end.isoformat())
        self.done: set[str] = set()
        self.is_dead = False
        self.has_staged = False

    @property
    def ready(self) -> list[str]:
        """The tasks that may be run now."""
        return [
            task
            for task, before in TASKS.items()
            if task not in self.done and self.done.issuperset(before)
        ]

    def execute(self, task: str) -> None:
        """Run a task to its end."""
        self.pipeline.run_task(task, self.context)
        self.done.add(task)
        self.has_staged = task == "stage_events" or (self.has_staged and task != "drop_staging")

    def clear(self, task: str) -> None:
        """Have a task run again, and all that follows it."""
        # What it staged is gone: then the staging comes first.
        task = task if self.has_staged else "stage_events"
        self.done.discard(task)
        for follower, before in TASKS.items():
            if not self.done.issuperset(before):
                self.done.discard(follower)
        self.is_dead = False

    def finish(self) -> None:
        """Run all that is left."""
        while ready := self.ready:
            self.execute(ready[0])


class Step(NamedTuple):
    """What happened in a world, for whoever has to find out why it went wrong."""

    what: str
    run: int = -1

    def __str__(self) -> str:
        return f"{self.what} of run {self.run}" if self.run >= 0 else self.what


class World:
    """A source that changes, and runs that load it meanwhile."""

    loses_events = True
    """Whether events are taken out of files, for which runs need ``allow_removed``."""

    def __init__(
        self, seed: int, pipeline: Pipeline, source: TestSource, warehouse: Warehouse
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same world for the same seed
        self.pipeline = pipeline
        self.source = source
        self.warehouse = warehouse
        self.events: list[dict[str, Any]] = []
        self.runs: list[Run] = []
        self.steps: list[Step] = []

    def play_out(self) -> None:
        """Let things happen, put right what is not, and compare."""
        self.warehouse.client.execute(EMPTY)
        for _ in range(self.chance.randint(2, 4)):
            self._event()
        self._write()
        for _ in range(self.chance.choice([2, 2, 3])):
            self._start()
        moves = self._moves()
        # Most steps are a run's next task.
        for _ in range(40):
            if not self._living():
                break
            move = self.chance.choices(list(moves), list(moves.values()))[0]
            move()
        for run in self._living():
            while run.ready:
                self._execute(run)
        self._settle()
        self._compare()

    def _moves(self) -> dict[Callable[[], None], int]:
        """What may happen, and how often."""
        return {self._task: 30, self._change: 6, self._clear: 3, self._die: 1, self._task_twice: 2}

    def _compare(self) -> None:
        assert self.warehouse.contents() == expected(self.source.root)

    def _settle(self) -> None:
        """
        Load what ``hours`` tells, twice at most, until it tells nothing.

        Twice, for a file may grow until the last of its hours is loaded: what came late is known
        then.
        """
        for _ in range(2):
            for span in self._to_load():
                self.steps.append(Step(f"{span} is {span.state}"))
                run = Run(self.pipeline, span.first, span.last + HOUR)
                self.runs.append(run)
                while run.ready:
                    self._execute(run)
        assert self._to_load() == []

    def _to_load(self) -> list[hours.Span]:
        """What the command ``hours`` tells, once no run is at work."""
        setting.cache_clear()
        hook = PostgresHook("sparkify_warehouse")
        known = hours.reconcile(hours.recorded(hook), [], datetime.now(UTC))
        known = list(hours.every_hour(known, HOURS[0], HOURS[-1] + HOUR))
        versions = hours.published_versions(hook, self.source.url)
        files, partition = event_listing(self.source.url), Partition.from_settings()
        states = hours.mark_outdated(known, files, versions, partition)
        return [span for span in hours.spans(states) if span.state not in hours.NO_ACTION]

    def _living(self) -> list[Run]:
        return [run for run in self.runs if run.ready and not run.is_dead]

    def _start(self) -> None:
        first = self.chance.randrange(3)
        last = self.chance.randint(first, 2)
        start, end = HOURS[first], HOURS[last] + HOUR
        if self.chance.random() < 0.25:
            start += self.chance.choice([-1, 1]) * MINUTES
            start = max(start, HOURS[0])
        self.runs.append(Run(self.pipeline, start, end))
        self.steps.append(Step(f"begin {start:%H:%M}-{end:%H:%M}", len(self.runs) - 1))

    def _task(self) -> None:
        self._execute(self.chance.choice(self._living()))

    def _task_twice(self) -> None:
        """A task that took effect, and whose worker was lost before it could say so."""
        run = self.chance.choice(self._living())
        task = self._execute(run)
        run.done.discard(task)

    def _execute(self, run: Run) -> str:
        task = self.chance.choice(run.ready)
        self.steps.append(Step(task, self.runs.index(run)))
        run.execute(task)
        assert self.warehouse.rows(INCOMPLETE) == [], "a play without its user or its time"
        return task

    def _clear(self) -> None:
        run = self.chance.choice(self.runs)
        if run.done:
            task = self.chance.choice(sorted(run.done))
            self.steps.append(Step(f"clear {task}", self.runs.index(run)))
            run.clear(task)

    def _die(self) -> None:
        """A task that failed for good, and was noted as such."""
        run = self.chance.choice(self._living())
        run.is_dead = True
        self.steps.append(Step("death", self.runs.index(run)))
        self.warehouse.client.execute(
            "update load_runs set failed_at = now() at time zone 'utc' where run_id = %s",
            (run.context["run_id"],),
        )

    def _change(self) -> None:
        """The app writes on, or somebody corrects the file, keeping the number of lines or not."""
        changes = ["grow", "grow", "correct", *(["lose"] if self.loses_events else [])]
        change = self.chance.choice(changes)
        if change == "grow" or not self.events:
            self._event()
        elif change == "lose":
            self.events.remove(self.chance.choice(self.events))
        else:
            event = self.chance.choice(self.events)
            event["level"] = "paid" if event["level"] == "free" else "free"
            event["userId"] = self.chance.choice(["1", "2"])
        self._write()
        self.steps.append(Step(f"{change}: {len(self.events)} events"))

    def _event(self) -> None:
        moment = self.chance.choice(HOURS) + timedelta(minutes=self.chance.choice([0, 30, 50]))
        is_play = self.chance.random() < 0.7
        self.events.append(
            play(
                f"{moment:%Y-%m-%d %H:%M}",
                userId=self.chance.choice(["1", "2", "3"]),
                level=self.chance.choice(["free", "paid"]),
                firstName=self.chance.choice(["Ada", "Grace"]),
                itemInSession=len(self.events),
                page="NextSong" if is_play else "Home",
            )
        )

    def _write(self) -> None:
        self.source.lines(DAY, "")
        self.source.events(*sorted(self.events, key=lambda event: event["ts"]))


class GrowingWorld(World):
    """A source that loses no event, so that no audit has a reason to stop a run."""

    loses_events = False


def play_out(
    seeds: range,
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    kind: type[World] = World,
) -> None:
    """Play out the world of each seed; a failure tells how it came about."""
    pipeline = Pipeline(pipeline.dag, allow_removed=kind.loses_events)
    with quickly(pipeline), pytest.MonkeyPatch.context() as patch:
        # Two events: a file of one block is not read on from where it was read before.
        patch.setattr(blocks, "BLOCK", 900)
        for seed in seeds:
            world = kind(seed, pipeline, source, warehouse)
            try:
                world.play_out()
            except Exception as error:
                told = "\n".join(f"{number}. {step}" for number, step in enumerate(world.steps))
                error.add_note(f"This was the world of the seed {seed}:\n{told}")
                raise
