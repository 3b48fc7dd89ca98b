"""Files change while runs are at work, whose tasks come in any order: one result all the same."""

import pytest

from local.tools.pipeline import Pipeline
from sparkify.window import HOUR
from tests.reference import expected
from tests.support.interleaving import DAY, HOURS, TASKS, WORLDS, Run, play_out
from tests.support.sources import TestSource, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")


def test_interleaved_runs_give_what_the_files_say_at_the_end(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    play_out(range(WORLDS), pipeline, source, warehouse)


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
