"""The page's web application, asked directly: what it answers, refuses, and cannot do."""

import csv
from collections.abc import Iterator

import psycopg
import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from local.pipeline import Pipeline
from sparkify.page import app, warehouse
from sparkify.page.questions import Question, Range, questions, rendered
from tests.environment import ROOT
from tests.sources import TestSource, play
from tests.warehouse import Warehouse


@pytest.fixture
def client(pipeline: Pipeline, source: TestSource, warehouse: Warehouse) -> Iterator[TestClient]:
    source.events(
        play("2018-11-14 10:00:00", song='"Quoted", <b>bold</b>'),
        play("2018-11-15 00:00:00", itemInSession=1),
        play("2018-11-15 23:59:59.999", itemInSession=2),
        play("2018-11-16 00:00:00", itemInSession=3),
    )
    pipeline.run("2018-11-14", "2018-11-17")
    made = app.make_app()
    made.dependency_overrides[app.MAY_READ] = lambda: None
    forget()
    yield TestClient(made)
    forget()


def forget() -> None:
    warehouse._ask_in.cache_clear()


def test_a_range_holds_its_last_day_and_nothing_after(client: TestClient) -> None:
    answer = client.get("/answers/plays_by_day.json?first=2018-11-15&last=2018-11-15").json()
    assert answer["columns"] == ["day", "plays", "free_plays", "paid_plays"]
    assert answer["rows"] == [["2018-11-15", 2, 2, 0]]
    assert answer["data_as_of"] == "2018-11-17T00:00:00"
    assert answer["description"].startswith("How much is listened to")
    assert len(client.get("/answers/plays_by_day.json").json()["rows"]) == 3


def test_numbers_are_numbers_whatever_the_database_made_of_them(client: TestClient) -> None:
    [[first, last, count, plays, minutes]] = client.get("/answers/sessions.json").json()["rows"]
    assert (first, last, count, plays) == (2, 5, 1, 4)
    assert minutes == 2280


def test_csv_and_sql_are_of_the_same_answer(client: TestClient) -> None:
    range_ = "?first=2018-11-14&last=2018-11-14"
    table = client.get("/answers/most_played_songs.csv" + range_)
    assert table.headers["content-disposition"] == 'attachment; filename="most_played_songs.csv"'
    assert list(csv.reader(table.text.splitlines())) == [
        ["title", "artist", "plays", "song_id"],
        ['"Quoted", <b>bold</b>', "The Testers", "1", ""],
    ]
    sql = client.get("/answers/most_played_songs.sql" + range_)
    assert sql.headers["content-type"].startswith("text/plain")
    assert "timestamp '2018-11-14 00:00:00.000000'" in sql.text
    assert "timestamp '2018-11-15 00:00:00.000000'" in sql.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/answers/plays_by_day.json?first=2018-11-15'--", 422),
        ("/answers/plays_by_day.json?first=2018-11-16&last=2018-11-15", 422),
        ("/answers/..%2fschema%2fusers.sql", 404),
        ("/answers/nothing.json", 404),
        ("/app.py", 404),
    ],
)
def test_what_is_not_there_and_what_is_no_date_is_refused(
    client: TestClient, path: str, status: int
) -> None:
    assert client.get(path).status_code == status


def test_every_question_is_on_the_page_and_is_answered(client: TestClient) -> None:
    script = client.get("/page.js").text
    for name in questions():
        assert f'"{name}"' in script, f"Draw {name} in plugins/sparkify/page/static/page.js."
        assert client.get(f"/answers/{name}.json?first=2018-01-01&last=9999-12-31").is_success


def test_the_library_is_the_package_s_own_and_nothing_comes_from_elsewhere(
    client: TestClient,
) -> None:
    assert "plotly.js" in client.get("/plotly.js").text[:200]
    for file in (ROOT / "plugins/sparkify/page/static").iterdir():
        assert "://" not in file.read_text()
    assert "default-src 'self'" in client.get("/").headers["content-security-policy"]


def test_an_answer_that_is_cut_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "ROWS", 2)
    assert client.get("/answers/plays_by_day.json").json()["cut"] is True
    table = client.get("/answers/plays_by_day.csv")
    assert "plays_by_day-first-2-rows.csv" in table.headers["content-disposition"]
    assert len(table.text.splitlines()) == 3


def test_an_answer_can_neither_write_nor_last_nor_be_endless(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkify.page import warehouse as page

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        page.ask("delete from users")
    monkeypatch.setattr(page, "SECONDS", 0.1)
    with pytest.raises(psycopg.errors.QueryCanceled):
        page.ask("select pg_sleep(5)")
    answer = page.ask("select n from generate_series(1, 20000) as n")
    assert (len(answer.rows), answer.cut) == (page.ROWS, True)


def test_a_warehouse_that_does_not_answer_is_said_in_a_sentence(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "ask", lambda sql: psycopg.connect("host=/nowhere"))
    with pytest.raises(HTTPException, match="sparkify_warehouse works") as refusal:
        app._answer(questions()["plays_by_day"], Range())
    assert refusal.value.status_code == 503
    assert "/nowhere" not in str(refusal.value.detail)


def test_a_range_is_made_of_dates_alone() -> None:
    question = Question("q", "-- Head,\n-- and more.\nselect 1 where {{ in_range('day') }}\n")
    assert question.description == "Head, and more."
    assert rendered(question, Range()).endswith("where 1 = 1")
