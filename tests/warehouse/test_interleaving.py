"""Files change while runs are at work, whose tasks come in any order: one result all the same."""

import pytest

from local.tools.pipeline import Pipeline
from tests.support.interleaving import WORLDS, play_out
from tests.support.sources import TestSource
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")


def test_interleaved_runs_give_what_the_files_say_at_the_end(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    play_out(range(WORLDS), pipeline, source, warehouse)
