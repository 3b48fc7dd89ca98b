"""Whole runs of the DAG on Redshift's driver, S3 and COPY: the rows that PostgreSQL gives."""

import gzip
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from redshift_connector import error as redshift_error

from local.redshift.journal import SCHEMA
from local.redshift.server import RedshiftServer
from local.tools.pipeline import Pipeline
from sparkify.operators.create_views import CreateViewsOperator
from sparkify.page.questions import Filters, query, questions
from sparkify.page.report import report
from sparkify.page.warehouse import reading
from sparkify.runs.audit import Audit
from sparkify.staging.names import staging_table
from sparkify.warehouse import warehouse_hook
from tests.support.sources import Bucket, TestSource, play, song, visit
from tests.support.warehouse import Warehouse

DAY = ("2018-11-15", "2018-11-16")
NOVEMBER = ("2018-11-01", "2018-12-01")


def test_the_public_data_set_gives_the_same_rows_on_both_engines(
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, DAG],
    bucket: Bucket,
    real_source: Path,
) -> None:
    bucket.storage.upload(real_source / "log_data", bucket.name, "app/log_data/")
    bucket.storage.upload(real_source / "song_data", bucket.name, "app/song_data/")
    redshift_pipeline.run(*NOVEMBER)
    on_redshift = redshift_warehouse.contents()
    postgres = new_warehouse()
    Pipeline(dags["sparkify"]).run(*NOVEMBER)
    for table, rows in postgres.contents().items():
        assert on_redshift[table] == rows, table
    assert {table: len(rows) for table, rows in on_redshift.items()} == {
        "songplays": 6820,
        "user_events": 7770,
        "users": 97,
        "user_levels": 106,
        "songs": 71,
        "artists": 69,
        "time": 6813,
        "session_hours": 1216,
        "song_days": 6646,
    }
    per_file = "select dataset, source_file, etag, row_count, reject_count from file_ledger"
    assert sorted(redshift_warehouse.rows(per_file)) == sorted(postgres.rows(per_file))


def test_the_page_asks_every_question_of_redshift_and_only_reads(
    filled: TestSource, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    redshift_pipeline.run("2018-11-15", "2018-11-17")
    with reading(60) as read:
        for question in questions().values():
            answer = read(*query(question, Filters(date(2018, 11, 1), date(2018, 11, 30))))
            assert answer.columns, question.name
            assert redshift_warehouse.count(question.name) >= 0
        answer = read("select title, artist, song_id from most_played_songs order by title")
        assert answer.rows[1] == ("Zażółć", "Björk", "SO2")
    assert "window.SPARKIFY_REPORT" in report(Filters())
    with pytest.raises(redshift_error.ProgrammingError, match="read-only"), reading(60) as read:
        read("delete from users")
    with pytest.raises(redshift_error.Error, match="statement timeout"), reading(0.1) as read:
        read("select count(*) from pg_class as a, pg_class as b, pg_class as c")


def sources_of(warehouse: Warehouse) -> list[Any]:
    return warehouse.column(f"select data_source from {SCHEMA}.sys_load_history order by query_id")


@pytest.fixture
def filled(bucket: Bucket, tmp_path: Path) -> TestSource:
    """Two days and two songs, in the bucket."""
    folder = TestSource(tmp_path / "folder")
    folder.events(
        play("2018-11-15 10:00:00"),
        visit("2018-11-15 10:30:00", userId="2", level="paid"),
        play("2018-11-15 11:00:00", itemInSession=1, level="paid"),
        play("2018-11-16 10:00:00", itemInSession=2, song="Zażółć", artist="BjÃ¶rk"),
    )
    folder.songs(song("SO1"), song("SO2", title="Zażółć", artist_name="Björk"))
    bucket.fill(folder)
    return folder


def test_running_a_window_again_changes_nothing(
    filled: TestSource, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    redshift_pipeline.run("2018-11-15", "2018-11-17")
    before = redshift_warehouse.contents()
    assert [len(before[table]) for table in ("songplays", "users", "songs")] == [3, 2, 2]
    assert "stage_songs" in redshift_pipeline.run("2018-11-15", "2018-11-17")
    assert redshift_warehouse.contents() == before
    assert (
        redshift_warehouse.column(
            "select tablename from pg_tables where tablename like 'staging\\_%\\_%\\_%'"
        )
        == []
    )


def test_hours_in_any_order_give_what_a_range_gives(
    filled: TestSource, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    for hour in ("16T10", "15T11", "15T10"):
        redshift_pipeline.run(f"2018-11-{hour}:00", f"2018-11-{hour}:59:59.999")
    by_hour = redshift_warehouse.contents()
    redshift_pipeline.run("2018-11-15", "2018-11-17")
    assert redshift_warehouse.contents() == by_hour


def persistent(pipeline: Pipeline, window: tuple[str, str], met: list[str]) -> None:
    """A run that tries a task again as Airflow does; ``met`` gets the errors on the way."""
    context = pipeline.context(*window)
    skipped: set[str] = set()
    for task_id in pipeline.order():
        if pipeline._is_skipped(task_id, skipped):
            skipped.add(task_id)
            continue
        for _ in range(10):
            try:
                pipeline.run_task(task_id, context)
            except AirflowSkipException:
                skipped.add(task_id)
            except redshift_error.Error as error:
                met.append(error.args[0]["M"])
                continue
            except AirflowFailException:
                raise
            except AirflowException as error:
                quoted = re.search("'M': '([^']*)'", str(error))
                if not quoted:
                    raise
                met.append(quoted[1])
                continue
            break


def test_two_runs_at_once_give_what_one_after_the_other_gives(
    filled: TestSource, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    met: list[str] = []
    windows = [("2018-11-15", "2018-11-17"), ("2018-11-15T11:00", "2018-11-17")] * 2
    with ThreadPoolExecutor(len(windows)) as pool:
        runs = [pool.submit(persistent, redshift_pipeline, window, met) for window in windows]
    for run in runs:
        run.result()
    together = redshift_warehouse.contents()
    redshift_pipeline.run("2018-11-15", "2018-11-17")
    assert redshift_warehouse.contents() == together
    assert len(together["songplays"]) == 3
    assert set(met) <= {"1023", "deadlock detected"}


def test_a_staging_table_that_a_view_depends_on_is_kept(
    redshift_pipeline: Pipeline, redshift_warehouse: Warehouse, bucket: Bucket
) -> None:
    bucket.put("log_data/2018/11/2018-11-15-events.json", json.dumps(play("2018-11-15 10:00:00")))
    context = redshift_pipeline.context(*DAY, run_id="run")
    redshift_pipeline.run_task("stage_events", context)
    table = staging_table("run", "staging_events")
    redshift_warehouse.client.execute(f"create view peek as select * from {table}".encode())
    redshift_pipeline.run_task("drop_staging", context)
    assert redshift_warehouse.count(table) == 1


def test_a_copy_that_fails_in_the_middle_leaves_nothing_and_is_survived(
    filled: TestSource,
    bucket: Bucket,
    redshift_server: RedshiftServer,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from local.redshift.objects import Objects
    from local.redshift.refusals import RedshiftError

    fetch = Objects.fetch

    def fails_on_the_second(self: Objects, url: str) -> bytes:
        if "2018-11-16" in url:
            raise RedshiftError(
                "S3ServiceException:Please reduce your request rate.,Error SlowDown"
            )
        return fetch(self, url)

    context = redshift_pipeline.context("2018-11-15", "2018-11-17")
    with monkeypatch.context() as patch:
        patch.setattr(Objects, "fetch", fails_on_the_second)
        with pytest.raises(Exception, match="SlowDown"):
            redshift_pipeline.run_in(context)
    assert redshift_warehouse.count("file_ledger") == 0
    redshift_pipeline.run_in(context)
    assert redshift_warehouse.count("songplays") == 3
    assert redshift_warehouse.column(
        f"select status from {SCHEMA}.sys_load_history"
        " where data_source like '%log_data%' order by query_id"
    ) == ["completed", "aborted", "completed", "completed"]


def test_a_file_without_a_byte_is_read_like_any_other(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    bucket.put("log_data/2018/11/2018-11-15-events.json", "")
    bucket.put("log_data/2018/11/2018-11-16-events.json", json.dumps(play("2018-11-16 10:00:00")))
    redshift_pipeline.run("2018-11-15", "2018-11-17")
    assert redshift_warehouse.count("songplays") == 1
    assert redshift_warehouse.rows(
        "select source_file, row_count, line_count, reject_count, etag is null from file_ledger"
        " where dataset = 'staging_events' order by 1"
    ) == [
        ("log_data/2018/11/2018-11-15-events.json", 0, 0, 0, False),
        ("log_data/2018/11/2018-11-16-events.json", 1, 1, 0, False),
    ]


def test_song_files_that_are_emptied_stop_a_run(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    bucket.put("song_data/A/TR1.json", json.dumps(song("SO1")))
    redshift_pipeline.run("2018-11-15", "2018-11-16")
    bucket.put("song_data/A/TR1.json", "")
    with pytest.raises(AirflowFailException, match=r"songs_emptied: it is 1, .*(.|\n)*TR1\.json"):
        redshift_pipeline.run("2018-11-15", "2018-11-16")
    assert redshift_warehouse.count("songs") == 1


def test_a_view_that_gains_a_column_is_recreated(
    redshift_warehouse: Warehouse, dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = Pipeline(dags["sparkify_schema"])
    operator = dags["sparkify_schema"].get_task("create_answers")
    assert isinstance(operator, CreateViewsOperator)
    oids = "select relname, oid from pg_class where relkind = 'v' order by 1"
    before = dict(redshift_warehouse.rows(oids))
    grown = "select 1 as plays, 2 as users, 3 as sessions, 4 as plays_a_session, 5 as more"
    monkeypatch.setitem(operator.views, "totals", grown)
    schema.run_task("create_answers", schema.context())
    after = dict(redshift_warehouse.rows(oids))
    assert {name for name in before if before[name] != after[name]} == {"totals"}
    assert redshift_warehouse.column("select more from totals") == [5]


def test_a_view_that_others_are_based_on_is_recreated_with_them(
    redshift_warehouse: Warehouse, dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = Pipeline(dags["sparkify_schema"])
    operator = dags["sparkify_schema"].get_task("create_views")
    assert isinstance(operator, CreateViewsOperator)
    grown = "select max(read_at) as data_as_of, count(*) as files from file_ledger"
    monkeypatch.setitem(operator.views, "data_as_of", grown)
    for task_id in ("create_views", "create_answers"):
        schema.run_task(task_id, schema.context())
    assert redshift_warehouse.column("select files from data_as_of") == [0]
    assert redshift_warehouse.count("totals") == 1


def test_nothing_to_read_at_all_is_a_quiet_hour(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.rows("select source_file, etag from file_ledger") == [
        ("log_data/2018/11/2018-11-15-events.json", None)
    ]
    assert redshift_warehouse.count("songplays") == 0


def test_a_song_in_several_files_is_kept_by_file_as_on_postgresql(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, DAG],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")

    def write(name: str, *songs: dict[str, Any] | str) -> None:
        lines = (one if isinstance(one, str) else json.dumps(one) for one in songs)
        bucket.put(f"song_data/{name}.json", "\n".join(lines))

    def kept(warehouse: Warehouse) -> list[Any]:
        return [
            warehouse.rows("select * from song_copies order by source_file, song_id"),
            warehouse.rows("select source_file, source, etag, songs from song_files order by 1"),
            warehouse.rows("select * from songs order by song_id"),
            warehouse.rows("select * from artists order by artist_id"),
        ]

    def compare() -> None:
        redshift_pipeline.run(*DAY)
        with monkeypatch.context() as patch:
            # Put back afterwards, as making another warehouse leads to it.
            patch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", "")
            postgres = new_warehouse()
            Pipeline(dags["sparkify"]).run(*DAY)
            assert kept(redshift_warehouse) == kept(postgres)

    bucket.put("log_data/2018/11/2018-11-15-events.json", json.dumps(play("2018-11-15 10:00:00")))
    write("A", song("SO1", duration=200.500001, artist_latitude=35.14968), song("SO2", year=1999))
    write("B", song("SO1", artist_id="ARÓ", title="Zażółć"), song("SO1"), "broken")
    write("C", song("SO3"), song("x" * 33), song("SO4", artist_id=None))
    compare()
    assert redshift_warehouse.column("select song_id from songplays") == ["SO1"]
    write("B", song("SO5"))
    write("C", "broken")
    compare()
    assert redshift_warehouse.column("select song_id from songplays") == ["SO2"]
    assert redshift_warehouse.column("select song_id from songs order by 1") == [
        "SO1",
        "SO2",
        "SO5",
    ]


def test_only_the_objects_that_are_meant_are_read(
    filled: TestSource, bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    bucket.put("song_data/readme.txt", "not for COPY")
    bucket.put("song_data/A/B/C/TRSO1.json.bak", json.dumps(song("SObak")))
    with pytest.raises(AirflowFailException, match=r"TRSO1.json is also a prefix .*TRSO1.json.bak"):
        redshift_pipeline.run("2018-11-16", "2018-11-17")
    bucket.client.delete_object(Bucket=bucket.name, Key="app/song_data/A/B/C/TRSO1.json.bak")
    redshift_pipeline.run("2018-11-16", "2018-11-17")
    bucket.put("song_data/A/B/C/TRSO3.json", json.dumps(song("SO3")))
    redshift_pipeline.run("2018-11-16", "2018-11-17")
    assert redshift_warehouse.column("select song_id from songs order by 1") == [
        "SO1",
        "SO2",
        "SO3",
    ]
    songs = [source for source in sources_of(redshift_warehouse) if "song_data" in source]
    root = f"{bucket.url}/song_data/A/B/C/TRSO"
    assert songs == [root, f"{root}3.json"]


def test_a_manifest_names_the_objects_where_it_may_be_written(
    filled: TestSource,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_MANIFEST_PREFIX", f"s3://{bucket.name}/manifests")
    bucket.put("song_data/A/B/C/TRSO1.json.bak", json.dumps(song("SObak")))
    bucket.put("song_data/A/B/C/it's.json", json.dumps(song("SO3")))
    redshift_pipeline.run("2018-11-15", "2018-11-17")
    assert redshift_warehouse.count("songs") == 3
    for source in sources_of(redshift_warehouse):
        assert source.startswith(f"s3://{bucket.name}/manifests/staging_")


def test_compressed_and_plain_objects_are_copied_each_in_its_way(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "log_data/%Y/%m/%d/*")
    plays = [json.dumps(play(f"2018-11-15 10:0{n}:00", itemInSession=n)).encode() for n in range(2)]
    bucket.put("log_data/2018/11/15/part-0.json.gz", gzip.compress(plays[0]))
    bucket.put("log_data/2018/11/15/part-1.json", plays[1])
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songplays") == 2


def test_a_jsonpaths_file_says_which_key_fills_which_column(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = play("2018-11-15 10:00:00")
    paths = [f"$['{key}']" for key in event] + []
    event["wer"] = event.pop("userId")
    paths[-1] = "$['wer']"
    bucket.put("log_data/2018/11/2018-11-15-events.json", json.dumps(event))
    bucket.put("paths.json", json.dumps({"jsonpaths": paths}))
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_JSONPATHS", f"{bucket.url}/paths.json")
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.column("select user_id from songplays") == [1]


def test_more_songs_than_a_page_of_s3_lists_are_copied_once(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Amazon's pages hold 1,000 objects, each of which would be a few requests.
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "100")
    for number in range(110):
        name = f"SO{number:04}"
        bucket.put(f"song_data/{number % 7}/{name}.json", json.dumps(song(name)))
    page = bucket.client.list_objects_v2(Bucket=bucket.name)
    assert (page["KeyCount"], page["IsTruncated"]) == (100, True)
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songs") == 110
    assert "stage_songs" in redshift_pipeline.run(*DAY)
    assert len([url for url in sources_of(redshift_warehouse) if "song_data" in url]) == 1
    assert redshift_warehouse.value(f"select count(*) from {SCHEMA}.sys_load_detail") == 110


def test_a_source_on_this_machine_is_out_of_redshifts_reach(
    source: TestSource, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    with pytest.raises(AirflowFailException, match=r"not in S3.*sparkify_source"):
        redshift_pipeline.run(*DAY)


def test_texts_that_differ_in_blanks_at_their_ends_are_no_damage(
    source: TestSource, bucket: Bucket, redshift_pipeline: Pipeline
) -> None:
    """Redshift takes them for equal, so a summary holds either."""
    titles = ("First Light", "First Light ", "First Light  ")
    source.events(
        *(
            play("2018-11-15 10:00:00", itemInSession=item, song=title)
            for item, title in enumerate(titles)
        )
    )
    bucket.fill(source)
    redshift_pipeline.run(*DAY)
    assert not Audit(warehouse_hook()).run(lambda _: None).was_found
