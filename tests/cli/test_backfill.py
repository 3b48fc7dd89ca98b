"""``airflow dags backfill``: what it understands, refuses, tells and returns."""

from argparse import ArgumentParser
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.cli import cli_parser
from airflow.cli.cli_config import GroupCommand, core_commands
from rich.console import Console
from sqlalchemy.exc import OperationalError

from sparkify.cli import follow as following
from sparkify.cli.arguments import BACKFILL
from sparkify.cli.backfill import Backfill
from sparkify.cli.deployment import Active, Dag
from sparkify.cli.follow import Progress, follow
from sparkify.cli.metadata import Metadata
from sparkify.cli.provider import add_commands, provider_info
from sparkify.cli.request import Refused, Request
from sparkify.cli.screen import Screen
from sparkify.cli.windows import Action, Plan, Run, Window
from sparkify.runs.hours import Load

HOUR = timedelta(hours=1)
NOVEMBER = datetime(2018, 11, 1, tzinfo=UTC)

# Which run a scheduler makes of a window, by the hour.
Ends = dict[int, str]


@dataclass
class FakeMetadata(Metadata):
    """An hourly DAG, whose scheduler ends two runs at every look."""

    dag_is: Dag | None = field(default_factory=lambda: Dag("sparkify", False, True))
    states: dict[datetime, str] = field(default_factory=dict)
    ends: Ends = field(default_factory=dict)
    active: list[Active] = field(default_factory=list)
    is_alive: bool = True
    is_interrupted: bool = False
    created: list[tuple[Request, Plan]] = field(default_factory=list)
    unloaded: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    """The hours that no run loads, whatever it says."""

    def dag(self, dag_id: str) -> Dag | None:
        return self.dag_is

    def dag_ids(self) -> list[str]:
        return ["sparkify", "sparkify_schema"]

    def windows(self, dag_id: str, start: datetime, end: datetime) -> Iterator[Window]:
        moment = start + (-(start - NOVEMBER) % HOUR)
        while moment <= end:
            yield Window(moment, moment, moment + HOUR)
            moment += HOUR

    def runs(self, dag_id: str, first: datetime, last: datetime) -> dict[datetime, Run]:
        if self.is_interrupted and self.created:
            raise KeyboardInterrupt
        found = {
            date: Run(f"run of {date:%H}", state)
            for date, state in self.states.items()
            if first <= date <= last
        }
        for date in [date for date, run in found.items() if not run.has_ended][:2]:
            self.states[date] = self.ends.get(date.hour, "success")
        return found

    def loads(self, first: datetime, last: datetime) -> dict[datetime, Load]:
        """What a warehouse says once these runs have loaded their hours."""
        return {
            date: Load(f"run of {date:%H}", date + HOUR, int(date.hour not in self.missing))
            for date, state in self.states.items()
            if state == "success" and date.hour not in self.unloaded
        }

    def failed_tasks(self, dag_id: str, run_ids: Collection[str]) -> dict[str, list[str]]:
        return {run_id: ["load_users"] for run_id in run_ids}

    def active_backfill(self, dag_id: str) -> Active | None:
        return self.active.pop(0) if self.active else None

    def is_scheduler_alive(self) -> bool:
        return self.is_alive

    def is_backfill_paused(self, dag_id: str) -> bool:
        return False

    def create(self, request: Request, plan: Plan) -> int:
        self.created.append((request, plan))
        for window in plan.windows:
            if plan.action(window).name in ("NEW", "AGAIN"):
                self.states[window.logical_date] = "queued"
        return 7


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE", 0.0)
    monkeypatch.setattr("sparkify.cli.checks.time.sleep", lambda seconds: None)


def request(line: str) -> Request:
    """The request that a command line makes."""
    parser = ArgumentParser()
    for argument in BACKFILL.args:
        argument.add_to_parser(parser)
    return Request.of(parser.parse_args(line.split()))


def call(metadata: FakeMetadata, line: str) -> tuple[int, str]:
    """The exit status of a call, and what it said."""
    said = StringIO()
    console = Console(file=said, width=200)
    status = Backfill(request(line), metadata, Screen(console, console), metadata.loads).run()
    return status, said.getvalue()


def refusal(metadata: FakeMetadata, line: str) -> str:
    """The sentence that refuses a call; nothing was created."""
    with pytest.raises(Refused) as caught:
        call(metadata, line)
    assert not metadata.created
    return str(caught.value)


# How it gets into Airflow's command line


def test_the_group_dags_gets_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_parser, "airflow_commands", core_commands.copy())
    assert [group.name for group in add_commands()] == ["sparkify"]
    groups = {group.name: group for group in cli_parser.airflow_commands}
    assert len(groups) == len(cli_parser.airflow_commands), "a group is there twice"
    group = groups["dags"]
    assert isinstance(group, GroupCommand)
    names = [command.name for command in group.subcommands]
    assert names.count("backfill") == 1
    assert "trigger" in names


def test_a_command_of_airflow_s_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    own: Any = SimpleNamespace(name="backfill")
    group = next(group for group in core_commands if group.name == "dags")
    assert isinstance(group, GroupCommand)
    with_own = group._replace(subcommands=(own,))
    monkeypatch.setattr(cli_parser, "airflow_commands", [with_own])
    add_commands()
    assert cli_parser.airflow_commands == [with_own]


def test_provider_info_is_what_airflow_accepts() -> None:
    from airflow import providers_manager

    manager: Any = providers_manager  # The function is Airflow's own affair, and not annotated.
    manager._create_provider_info_schema_validator().validate(provider_info())
    assert provider_info()["cli"] == [f"{add_commands.__module__}.{add_commands.__name__}"]


# What it understands


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-11-01", NOVEMBER),
        ("2018-11-01T10:00", NOVEMBER + 10 * HOUR),
        ("2018-11-01T10:00:00Z", NOVEMBER + 10 * HOUR),
        ("2018-11-01T10:00+01:00", NOVEMBER + 9 * HOUR),
    ],
)
def test_dates_are_utc_unless_they_say_otherwise(text: str, moment: datetime) -> None:
    asked = request(f"-s {text} -e 2018-12-01 sparkify")
    assert asked.start.moment == moment
    assert asked.start.moment.utcoffset() == timedelta(0)


def test_one_bound_stands_for_both() -> None:
    assert request("-s 2018-11-01 sparkify").end.moment == NOVEMBER
    assert request("-e 2018-11-01 sparkify").start.moment == NOVEMBER


@pytest.mark.parametrize("line", ["-s first sparkify", "-s 2018-11-01 -c [1] sparkify"])
def test_what_is_not_understood_is_said(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        request(line)
    assert caught.value.code == 2
    assert "is not a" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "behaviour"),
    [
        ("", "none"),
        ("--rerun-failed-tasks", "failed"),
        ("--reset-dagruns", "completed"),
        ("--rerun-failed-tasks --reset-dagruns", "completed"),
    ],
)
def test_options_become_reprocess_behaviours(options: str, behaviour: str) -> None:
    assert request(f"-s 2018-11-01 {options} sparkify").reprocess.value == behaviour


def test_the_other_options_arrive() -> None:
    metadata = FakeMetadata()
    call(metadata, '-s 2018-11-01 --max-active-runs 2 -B -c {"a":1} sparkify')
    asked, _ = metadata.created[0]
    assert (asked.max_active_runs, asked.backwards, asked.conf) == (2, True, {"a": 1})


# Which windows it loads


def test_end_is_inclusive_and_the_hour_at_midnight_is_pointed_out() -> None:
    metadata = FakeMetadata()
    status, said = call(metadata, "-s 2018-11-01 -e 2018-11-02 sparkify")
    windows = metadata.created[0][1].windows
    assert (len(windows), windows[-1].start) == (25, NOVEMBER + 24 * HOUR)
    assert said.startswith("sparkify: 2018-11-01 00:00 to 2018-11-02 01:00 UTC, 25 runs")
    assert "of 2018-11-02 only 2018-11-02 00:00 to 01:00 is run" in said
    assert (
        "To include the whole day: -e 2018-11-02T23:59; to exclude it: -e 2018-11-01T23:59" in said
    )
    assert status == 0


def test_a_whole_day_needs_no_note() -> None:
    _, said = call(FakeMetadata(), "-s 2018-11-01 -e 2018-11-01T23:59 sparkify")
    assert "2018-11-01 00:00 to 2018-11-02 00:00 UTC, 24 runs" in said
    assert "Note" not in said


def test_an_interval_cut_by_start_is_pointed_out() -> None:
    _, said = call(FakeMetadata(), "-s 2018-11-01T10:30 -e 2018-11-01T12:00 sparkify")
    assert "the first one begins at 2018-11-01 11:00" in said


def test_what_has_not_ended_is_left_to_the_schedule() -> None:
    now = datetime.now(UTC)
    start, end = (f"{moment:%Y-%m-%dT%H:00}" for moment in (now - 2 * HOUR, now + 5 * HOUR))
    metadata = FakeMetadata()
    _, said = call(metadata, f"-s {start} -e {end} sparkify")
    assert all(window.end <= now for window in metadata.created[0][1].windows)
    assert "have not ended yet; the schedule runs them" in said


def test_a_dry_run_lists_and_creates_nothing() -> None:
    metadata = FakeMetadata(states={NOVEMBER: "success", NOVEMBER + HOUR: "failed"})
    status, said = call(
        metadata, "-n -s 2018-11-01 -e 2018-11-01T02:00 --rerun-failed-tasks sparkify"
    )
    assert (status, metadata.created) == (0, [])
    assert "2018-11-01 00:00 to 01:00  succeeded before, kept" in said
    assert "2018-11-01 01:00 to 02:00  to run again" in said
    assert "2018-11-01 02:00 to 03:00  to run\n" in said


def test_backwards_lists_the_latest_first() -> None:
    _, said = call(FakeMetadata(), "-n -B -s 2018-11-01 -e 2018-11-01T01:00 sparkify")
    assert said.index("01:00 to 02:00") < said.index("00:00 to 01:00  to run")


# What it refuses


def test_an_unknown_dag_is_refused() -> None:
    said = refusal(FakeMetadata(dag_is=None), "-s 2018-11-01 sparkfy")
    assert "no DAG 'sparkfy'. Did you mean sparkify?" in said


def test_a_dag_without_a_schedule_is_refused() -> None:
    metadata = FakeMetadata(dag_is=Dag("sparkify_schema", False, False))
    assert "airflow dags trigger sparkify_schema" in refusal(
        metadata, "-s 2018-11-01 sparkify_schema"
    )


def test_a_paused_dag_is_refused() -> None:
    metadata = FakeMetadata(dag_is=Dag("sparkify", True, True))
    assert "airflow dags unpause sparkify" in refusal(metadata, "-s 2018-11-01 sparkify")


def test_without_a_scheduler_it_is_refused() -> None:
    said = refusal(FakeMetadata(is_alive=False), "-s 2018-11-01 sparkify")
    assert "No scheduler is running" in said


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("sparkify", "No range"),
        ("-s 2018-11-02 -e 2018-11-01 sparkify", "start 2018-11-02 is after its end 2018-11-01"),
        ("-s 2018-11-01T10:10 -e 2018-11-01T10:50 sparkify", "The range is empty"),
        ("-s 2100-01-01 sparkify", "The range is in the future"),
    ],
)
def test_a_range_without_windows_is_refused(line: str, reason: str) -> None:
    assert reason in refusal(FakeMetadata(), line)


def test_a_second_backfill_is_refused_and_the_first_named() -> None:
    metadata = FakeMetadata(active=[Active(3, NOVEMBER, NOVEMBER + HOUR, True)])
    said = refusal(metadata, "-s 2018-11-05 sparkify")
    assert "Backfill 3 of sparkify is active" in said
    assert "airflow dags backfill -s 2018-11-01T00:00 -e 2018-11-01T01:00 sparkify" in said
    assert "/api/v2/backfills/3/pause (unpause, cancel)" in said


def test_one_that_is_never_closed_is_not_waited_for_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sparkify.cli.checks.CLOSING_LIMIT", 0.0)
    stuck = [Active(3, NOVEMBER, NOVEMBER, has_open_runs=False)] * 100
    assert "Backfill 3 of sparkify is active" in refusal(
        FakeMetadata(active=stuck), "-s 2018-11-05 sparkify"
    )


def test_a_backfill_that_has_ended_is_waited_for() -> None:
    ended = Active(3, NOVEMBER, NOVEMBER, has_open_runs=False)
    status, said = call(FakeMetadata(active=[ended, ended]), "-s 2018-11-05 sparkify")
    assert status == 0
    assert said.count("Waiting for Airflow to close backfill 3") == 1


# How it ends


def test_the_status_is_zero_only_if_every_run_succeeded() -> None:
    status, said = call(FakeMetadata(), "-s 2018-11-01 -e 2018-11-01T05:00 sparkify")
    assert status == 0
    assert "Created backfill 7." in said
    assert (
        "All 6 runs succeeded, in 0:00: 2018-11-01 00:00 to 2018-11-01 06:00 UTC is loaded." in said
    )


def test_hours_without_a_file_are_not_said_to_be_loaded() -> None:
    metadata = FakeMetadata(missing={0, 1, 3})
    status, said = call(metadata, "-s 2018-11-01 -e 2018-11-01T03:00 sparkify")
    assert status == 0
    assert "All 4 runs succeeded, in 0:00, but 3 of 4 hours had no file:" in said
    assert "  2018-11-01 00:00 to 2018-11-01 02:00\n  2018-11-01 03:00 to 2018-11-01 04:00" in said
    again = "airflow dags backfill -s 2018-11-01T{} -e 2018-11-01T{} --reset-dagruns sparkify"
    assert again.format("00:00", "01:00") in said
    assert again.format("03:00", "03:00") in said
    assert "UTC is loaded" not in said


def test_failed_windows_are_listed_with_what_to_do() -> None:
    metadata = FakeMetadata(ends={3: "failed"})
    status, said = call(metadata, "-s 2018-11-01 -e 2018-11-01T05:00 sparkify")
    assert status == 1
    assert "1 of 6 runs failed:\n  2018-11-01 03:00 to 04:00  run of 03  failed: load_users" in said
    # Of the failed ones only: what else was asked for may have more windows by then.
    rerun = "airflow dags backfill -s 2018-11-01T03:00 -e 2018-11-01T03:00 --rerun-failed-tasks"
    assert f"{rerun} sparkify" in said
    assert "is loaded" not in said


def test_a_window_that_failed_before_and_is_left_counts_as_failed() -> None:
    metadata = FakeMetadata(states={NOVEMBER: "failed"})
    status, said = call(metadata, "-s 2018-11-01 -e 2018-11-01T01:00 sparkify")
    assert status == 1
    assert "1 failed before, kept" in said


def test_a_loaded_range_creates_nothing_and_is_a_success() -> None:
    metadata = FakeMetadata(states={NOVEMBER: "success"}, is_alive=False)
    status, _ = call(metadata, "-s 2018-11-01 sparkify")
    assert (status, metadata.created) == (0, [])


def test_a_run_that_succeeded_without_loading_its_hour_is_no_success() -> None:
    metadata = FakeMetadata(unloaded={0, 1, 3})
    status, said = call(metadata, "-s 2018-11-01 -e 2018-11-01T03:00 sparkify")
    assert status == 1
    assert "3 of 4 runs succeeded, but the warehouse has no load of the hour by that run" in said
    again = "airflow dags backfill -s 2018-11-01T{} -e 2018-11-01T{} --reset-dagruns sparkify"
    assert again.format("00:00", "01:00") in said
    assert again.format("03:00", "03:00") in said
    assert "is loaded" not in said


def test_what_succeeded_before_and_is_not_loaded_is_told_and_run_again_when_asked() -> None:
    metadata = FakeMetadata(states={NOVEMBER: "success"}, unloaded={0})
    status, said = call(metadata, "-n -s 2018-11-01 sparkify")
    assert "succeeded before without loading its hour, kept" in said
    assert "--reset-dagruns" in said
    status, said = call(metadata, "-s 2018-11-01 sparkify")
    assert (status, metadata.created) == (1, [])
    metadata.unloaded.clear()
    status, _ = call(metadata, "-s 2018-11-01 --reset-dagruns sparkify")
    assert (status, len(metadata.created)) == (0, 1)


@pytest.mark.parametrize(
    ("load", "holds"),
    [
        (Load("run", NOVEMBER, 1), True),
        (Load("later", NOVEMBER + 3 * HOUR, 1), True),
        (Load("earlier", NOVEMBER, 1), False),
        (None, False),
    ],
)
def test_an_hour_is_loaded_by_its_run_or_a_later_one(load: Load | None, holds: bool) -> None:
    window = Window(NOVEMBER, NOVEMBER, NOVEMBER + HOUR)
    runs = {NOVEMBER: Run("run", "success", NOVEMBER + 2 * HOUR)}
    plan = Plan([window], runs, request("-s 2018-11-01 sparkify").reprocess)
    assert plan.holds(window)
    plan = replace(plan, loads={NOVEMBER: load} if load else {})
    assert plan.holds(window) is holds
    assert plan.action(window) is (Action.SUCCEEDED if holds else Action.UNLOADED)


def test_of_another_dag_it_says_that_runs_succeeded_and_no_more() -> None:
    metadata = FakeMetadata(Dag("other", False, True), unloaded=set(range(24)))
    status, said = call(metadata, "-s 2018-11-01 -e 2018-11-01T01:00 other")
    assert status == 0
    assert "All 2 runs succeeded, in 0:00.\n" in said
    assert "loaded" not in said


def test_a_warehouse_out_of_reach_is_told_and_nothing_is_claimed() -> None:
    class OutOfReach(FakeMetadata):
        def loads(self, first: datetime, last: datetime) -> dict[datetime, Load]:
            raise Refused("The warehouse cannot be queried: no route to it")

    status, said = call(OutOfReach(), "-s 2018-11-01 sparkify")
    assert status == 0
    assert "cannot check whether hours are loaded. The warehouse cannot be queried" in said
    assert "is loaded" not in said


def test_runs_of_an_hour_load_their_hour_whatever_range_they_had() -> None:
    assert request("-s 2018-11-01 --reset-dagruns sparkify").run_conf == {}
    assert request("-s 2018-11-01 --reset-dagruns other").run_conf is None
    with pytest.raises(Refused, match="airflow dags trigger sparkify -c"):
        request('-s 2018-11-01 -c {"start":"2018-11-01"} sparkify')
    assert request('-s 2018-11-01 -c {"start":null,"end":null} sparkify').conf


def test_the_same_call_follows_what_is_under_way() -> None:
    underway = {NOVEMBER: "running", NOVEMBER + HOUR: "queued"}
    metadata = FakeMetadata(states=underway, active=[Active(3, NOVEMBER, NOVEMBER, True)])
    status, said = call(metadata, "-s 2018-11-01 -e 2018-11-01T01:00 sparkify")
    assert (status, metadata.created) == (0, [])
    assert "2 of 2 runs done" in said


def test_a_deleted_run_did_not_load_its_window() -> None:
    class Deleting(FakeMetadata):
        def create(self, request: Request, plan: Plan) -> int:
            number = super().create(request, plan)
            del self.states[NOVEMBER]
            return number

    status, said = call(Deleting(), "-s 2018-11-01 -e 2018-11-01T01:00 sparkify")
    assert status == 1
    assert "2018-11-01 00:00 to 01:00  its run was deleted" in said


def test_without_waiting_it_says_how_to_follow() -> None:
    metadata = FakeMetadata(ends={0: "failed"})
    status, said = call(metadata, "--no-wait -s 2018-11-01 sparkify")
    assert (status, len(metadata.created)) == (0, 1)
    assert (
        "follow it:        airflow dags backfill -s 2018-11-01T00:00 -e 2018-11-01T00:00 sparkify"
        in said
    )


def test_ctrl_c_leaves_the_backfill_going_and_says_so() -> None:
    status, said = call(FakeMetadata(is_interrupted=True), "-s 2018-11-01 --reset-dagruns sparkify")
    assert status == 130
    assert "backfill 7 continues" in said
    assert "/api/v2/backfills/7/pause (unpause, cancel)" in said
    assert "airflow dags backfill -s 2018-11-01T00:00 -e 2018-11-01T00:00 sparkify" in said


# How it is followed


def hours(states: Sequence[str]) -> tuple[list[Window], dict[datetime, Run]]:
    windows = list(FakeMetadata().windows("", NOVEMBER, NOVEMBER + (len(states) - 1) * HOUR))
    runs = {w.logical_date: Run("", state) for w, state in zip(windows, states, strict=True)}
    return windows, runs


def test_progress_counts_and_estimates() -> None:
    windows, runs = hours(["success", "success", "failed", "running", "queued", "queued"])
    progress = Progress.of(windows, runs).timed(elapsed=60.0, done_before=1)
    assert str(progress) == "3 of 6 runs done, 1 running, 1 failed, 1:00, about 1:30 left"


def test_a_command_to_repeat_leads_to_the_same_api() -> None:
    asked = request("--api-url https://airflow.test/d123/ -s 2018-11-01 sparkify")
    assert asked.command(NOVEMBER, NOVEMBER).endswith(
        "-e 2018-11-01T00:00 --api-url https://airflow.test/d123 sparkify"
    )


def test_following_outlives_a_restart_of_the_database() -> None:
    windows, runs = hours(["success"])
    answers: list[Exception | dict[datetime, Run]]
    answers = [OperationalError("", {}, Exception("gone")), runs]
    shown: list[Progress] = []

    def look() -> dict[datetime, Run]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    silence = "It does not answer."
    outage = OperationalError
    assert follow(windows, look, lambda: "", shown.append, outage, silence) == runs
    assert [progress.obstacle for progress in shown] == [silence, ""]


def test_lines_are_few_but_a_failure_is_told_at_once() -> None:
    said = StringIO()
    console = Console(file=said, width=200)
    progress = Progress(waiting=100)
    with Screen(console, console).progress() as show:
        for second in range(30):
            show(replace(progress, succeeded=second, waiting=100 - second, elapsed=second))
        show(replace(progress, succeeded=29, failed=1, waiting=70, elapsed=29.5))
    lines = said.getvalue().splitlines()
    assert len(lines) == 4
    assert "1 failed" in lines[-1]


def test_an_obstacle_is_told_once_and_its_end_too() -> None:
    said = StringIO()
    console = Console(file=said, width=200)
    with Screen(console, console).progress() as show:
        for obstacle in ("", "the DAG is paused.", "the DAG is paused.", ""):
            show(Progress(waiting=1, obstacle=obstacle))
    assert said.getvalue().count("Waiting: the DAG is paused.") == 1
    assert said.getvalue().count("Continuing.") == 1
