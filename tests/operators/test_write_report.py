"""The report: where it goes, what is in it, and which of many runs write it."""

import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, AssetAll
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)

from local.tools.pipeline import Pipeline
from sparkify.page.files import REPORT
from tests.support.dags import parsed_dags
from tests.support.sources import Bucket, TestSource, play
from tests.support.warehouse import Warehouse

SETTING = "AIRFLOW_VAR_SPARKIFY_REPORT_FOLDER"


class Run:
    """What a task is told of its run: what triggered it, and what else is on its way."""

    dag_id = "sparkify_report"

    def __init__(self, *, triggered: bool = True, loads: int = 0, reports: int = 0) -> None:
        self.loads, self.reports = loads, reports
        self.context: dict[str, Any] = {
            "ti": self,
            "triggering_asset_events": {"songplays": [1]} if triggered else {},
        }

    def get_ti_count(self, dag_id: str, task_ids: list[str], states: list[str]) -> int:
        assert (dag_id, task_ids) == ("sparkify", ["load_songplays"])
        assert {"null", "queued", "running", "up_for_retry"} <= set(states)
        assert not {"success", "failed", "upstream_failed", "skipped"} & set(states)
        return self.loads

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        assert (dag_id, states) == ("sparkify_report", ["queued"])
        return self.reports


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SETTING, (tmp_path / "reports").as_uri())
    return tmp_path / "reports"


@pytest.fixture
def reports(dags: dict[str, DAG], warehouse: Warehouse) -> Pipeline:
    return Pipeline(dags["sparkify_report"])


def write(reports: Pipeline, run: Run) -> None:
    reports.run_task("write_report", reports.context(**run.context))


def test_a_run_writes_one_file_with_all_answers(
    reports: Pipeline, pipeline: Pipeline, source: TestSource, folder: Path
) -> None:
    source.events(play("2018-11-15 10:00:00", song="</script><b>Undo"))
    pipeline.run("2018-11-15", "2018-11-16")
    write(reports, Run())
    [file] = folder.iterdir()
    assert file.name == REPORT
    page = file.read_text()
    assert '"data_as_of": "2018-11-16T00:00:00"' in page
    assert "from song_days" in page
    # What the data holds cannot end the script that holds it, and nothing comes from elsewhere.
    assert r"\u003c/script>\u003cb>Undo" in page
    assert page.count("</script>") == 4
    assert not re.search(r"<(?:script|link|img)[^>]* (?:src|href)=", page)
    assert "default-src 'none'" in page


@pytest.mark.usefixtures("airflow")
def test_airflow_runs_it_and_the_last_report_is_replaced(
    warehouse: Warehouse, folder: Path
) -> None:
    folder.mkdir()
    (folder / REPORT).write_text("the last one")
    run = parsed_dags()["sparkify_report"].test()
    assert str(run.state) == "success"
    assert [file.name for file in folder.iterdir()] == [REPORT]
    assert (folder / REPORT).read_text().startswith("<!doctype html>")


def test_it_goes_to_s3_as_a_page(
    reports: Pipeline, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, f"s3://{bucket.name}/reports/")
    write(reports, Run())
    written = bucket.client.get_object(Bucket=bucket.name, Key=f"reports/{REPORT}")
    assert written["ContentType"] == "text/html; charset=utf-8"
    assert written["Body"].read().startswith(b"<!doctype html>")
    with pytest.raises(AirflowSkipException):
        write(reports, Run(loads=1))


def test_without_a_place_a_run_is_skipped_and_says_which_setting_has_it(reports: Pipeline) -> None:
    with pytest.raises(AirflowSkipException, match="variable sparkify_report_folder"):
        write(reports, Run())


def test_what_cannot_be_replaced_stays_and_leaves_nothing_beside_it(
    reports: Pipeline, folder: Path
) -> None:
    (folder / REPORT).mkdir(parents=True)
    with pytest.raises(AirflowException, match="cannot be written"):
        write(reports, Run(triggered=False))
    assert [file.name for file in folder.iterdir()] == [REPORT]


def test_a_place_that_is_none_is_said(reports: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "ftp://here")
    with pytest.raises(AirflowFailException, match="Set the variable sparkify_report_folder"):
        write(reports, Run())


@pytest.mark.parametrize(
    ("run", "minutes", "writes"),
    [
        (Run(), 1, True),
        (Run(loads=3), 1, False),
        (Run(reports=1), 1, False),
        (Run(loads=3), 61, True),
        (Run(loads=3, triggered=False), 1, True),
    ],
)
def test_of_the_runs_of_a_backfill_one_an_hour_writes_and_the_last(
    reports: Pipeline, folder: Path, run: Run, minutes: int, writes: bool
) -> None:
    folder.mkdir()
    file = folder / REPORT
    file.write_text("the last one")
    written_at = (datetime.now(UTC) - timedelta(minutes=minutes)).timestamp()
    os.utime(file, (written_at, written_at))
    with suppress(AirflowSkipException):
        write(reports, run)
    assert (file.read_text() != "the last one") == writes


def test_the_first_report_does_not_wait(reports: Pipeline, folder: Path) -> None:
    write(reports, Run(loads=719))
    assert (folder / REPORT).exists()


def test_it_is_scheduled_on_what_the_load_updates(dags: dict[str, DAG]) -> None:
    condition = dags["sparkify_report"].timetable.asset_condition
    assert isinstance(condition, AssetAll)
    [asset] = condition.objects
    assert asset in dags["sparkify"].get_task("load_songplays").outlets
