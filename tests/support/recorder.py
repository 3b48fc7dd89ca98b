"""Runs of the DAG of which every event is recorded, for tests."""

from collections.abc import Iterator

import pytest

from local.tools.lineage import Recorder


@pytest.fixture(scope="session")
def recorder(airflow: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """One process for all runs; each is in the environment of the test that asks for it."""
    file = tmp_path_factory.mktemp("recorder") / "events.json"
    with pytest.MonkeyPatch.context() as patch:
        # Airflow reads it on import.
        patch.setenv("AIRFLOW__CORE__MAX_TASK_RETRY_DELAY", "1")
        recorder = Recorder(file)
    with recorder:
        yield recorder
