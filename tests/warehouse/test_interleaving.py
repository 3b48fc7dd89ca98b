"""Files change while runs are at work, whose tasks come in any order: one result all the same."""

from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowFailException

from local.tools.pipeline import Pipeline
from sparkify.window import HOUR
from tests.reference import expected
from tests.support.interleaving import DAY, HOURS, TASKS, WORLDS, GrowingWorld, Run, play_out
from tests.support.sources import TestSource, play, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")


def test_interleaved_runs_give_what_the_files_say_at_the_end(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    play_out(range(WORLDS), pipeline, source, warehouse)


def test_no_audit_stops_a_run_that_others_overtake(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    play_out(range(WORLDS // 4), pipeline, source, warehouse, GrowingWorld)


@pytest.mark.parametrize("minutes", [0, 20])
@pytest.mark.parametrize("is_there", [True, False])
def test_what_a_newer_reading_has_loaded_is_no_loss(
    is_there: bool, minutes: int, pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    """The older one has seen the file before these events, or before it was there."""
    first, last = HOURS[0], HOURS[-1]
    if is_there:
        source.events(visit(f"{last:%Y-%m-%d %H:%M}"))
    overtaken = Run(pipeline, first, last + HOUR)
    reach(overtaken, "stage_events")
    source.events(play(f"{first:%Y-%m-%d} {first:%H}:30"))
    Run(pipeline, first + timedelta(minutes=minutes), first + HOUR).finish()
    overtaken.finish()
    assert warehouse.count("songplays") == 1


def test_what_a_newer_reading_does_not_claim_may_not_be_lost(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    hour = HOURS[0]
    events = [play(f"{hour:%Y-%m-%d} {hour:%H}:{minute}") for minute in (10, 50)]
    source.events(*events)
    Run(pipeline, hour, hour + HOUR).finish()
    source.lines(DAY, "")
    overtaken = Run(pipeline, hour, hour + HOUR)
    reach(overtaken, "stage_events")
    source.events(*events)
    Run(pipeline, hour, hour + HOUR / 2).finish()
    with pytest.raises(AirflowFailException, match="hours_emptied"):
        overtaken.finish()
    assert warehouse.count("songplays") == 2


def test_a_user_whose_only_event_moves_to_an_earlier_hour_is_seen_there(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    """The later hour's run has looked at the users before the earlier one's adds the event."""
    pipeline = Pipeline(pipeline.dag, allow_removed=True)
    earlier, later = HOURS[0], HOURS[-1]
    stays = visit(f"{later:%Y-%m-%d %H:%M}", userId="1")
    source.events(stays, visit(f"{later:%Y-%m-%d %H:%M}", userId="2", level="free"))
    Run(pipeline, later, later + HOUR).finish()
    source.lines(DAY, "")
    source.events(visit(f"{earlier:%Y-%m-%d %H:%M}", userId="2", level="paid"), stays)
    late, early = (Run(pipeline, hour, hour + HOUR) for hour in (later, earlier))
    for task in TASKS["load_songplays"]:
        reach(late, task)
    early.finish()
    late.finish()
    assert warehouse.contents() == expected(source.root)


def reach(run: Run, task: str) -> None:
    """Run a task, after all that it waits for."""
    if task not in run.done:
        for before in TASKS[task]:
            reach(run, before)
        run.execute(task)
