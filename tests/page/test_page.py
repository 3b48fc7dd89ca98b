"""The page's web application, asked directly: what it answers, refuses, and cannot do."""

import asyncio
import csv
import re
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from threading import Event
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from local.tools.pipeline import Pipeline
from sparkify.page import admission, answer_queue, app, warehouse
from sparkify.page.answer_queue import AnswerQueue, Reply
from sparkify.page.documents import as_csv, file_name
from sparkify.page.questions import Filters, Question, questions, rendered
from sparkify.page.warehouse import Answer, reading
from tests.support.environment import ROOT
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse


@pytest.fixture
def asgi(monkeypatch: pytest.MonkeyPatch) -> admission.Admission:
    """The application, asked by who may see it."""
    monkeypatch.setattr(app, "MAY_READ", lambda: None)
    return app.make_app()


@pytest.fixture
def client(
    pipeline: Pipeline, source: TestSource, asgi: admission.Admission, warehouse: Warehouse
) -> TestClient:
    source.events(
        play("2018-11-14 10:00:00", song='"Quoted", <b>bold</b>', artist='=HYPERLINK("x")'),
        play("2018-11-15 00:00:00", itemInSession=1),
        play("2018-11-15 23:59:59.999", itemInSession=2),
        play("2018-11-16 00:00:00", itemInSession=3),
    )
    pipeline.run("2018-11-14", "2018-11-17")
    return TestClient(asgi)


def test_a_range_holds_its_last_day_and_nothing_after(client: TestClient) -> None:
    answer = client.get("/answers/plays_by_day.json?first=2018-11-15&last=2018-11-15").json()
    assert answer["columns"] == ["day", "plays", "free_plays", "paid_plays"]
    assert answer["rows"] == [["2018-11-15", 2, 2, 0]]
    assert answer["data_as_of"] == "2018-11-17T00:00:00"
    assert answer["description"].startswith("Plays by day")
    assert len(client.get("/answers/plays_by_day.json").json()["rows"]) == 3


def test_a_week_and_a_month_of_which_the_range_has_a_part_are_partial(client: TestClient) -> None:
    answer = client.get("/answers/active_users.json?first=2018-11-14&last=2018-11-15").json()
    assert answer["columns"][3:] == ["is_partial", "days_counted", "days_in_period"]
    assert answer["rows"] == [
        ["day", "2018-11-14", 1, False, 1, 1],
        ["day", "2018-11-15", 1, False, 1, 1],
        ["month", "2018-11-01", 1, True, 2, 30],
        ["week", "2018-11-12", 1, True, 2, 7],
    ]


def test_numbers_are_numbers_whatever_the_database_made_of_them(client: TestClient) -> None:
    [[first, last, count, plays, minutes]] = client.get("/answers/sessions.json").json()["rows"]
    assert (first, last, count, plays) == (2, 5, 1, 4)
    assert minutes == 2280


def test_csv_and_sql_are_of_the_same_answer(client: TestClient) -> None:
    range_ = "?first=2018-11-14&last=2018-11-14"
    table = client.get("/answers/most_played_songs.csv" + range_)
    name = "most_played_songs-from-2018-11-14-to-2018-11-14.csv"
    assert table.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert list(csv.reader(table.text.splitlines())) == [
        ["title", "artist", "plays", "song_id"],
        ['"Quoted", <b>bold</b>', '\'=HYPERLINK("x")', "1", ""],
    ]
    sql = client.get("/answers/most_played_songs.sql" + range_)
    assert sql.headers["content-type"].startswith("text/plain")
    assert "date '2018-11-14'" in sql.text
    assert "date '2018-11-15'" in sql.text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+44", "'+44"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ("1+1=2", "1+1=2"),
        (-1, "-1"),
        (Decimal("-0.5"), "-0.5"),
        (None, ""),
    ],
)
def test_a_spreadsheet_computes_nothing(value: Any, text: str) -> None:
    table = as_csv(Answer(("title", "plays"), ((value, 1),), cut=False))
    assert list(csv.reader(table.splitlines(keepends=True)))[1:] == [[text, "1"]]


def test_a_table_s_name_says_what_it_is_about_and_whether_it_is_all() -> None:
    def named(name: str, rows: int, days: Filters, *, cut: bool = False) -> str:
        return file_name(questions()[name], days, Answer((), ((),) * rows, cut))

    november = Filters(date(2018, 11, 1), date(2018, 11, 30))
    range_ = "from-2018-11-01-to-2018-11-30"
    assert named("rising_songs", 49, november) == f"rising_songs-{range_}.csv"
    assert named("rising_songs", 50, november) == f"rising_songs-first-50-rows-{range_}.csv"
    assert named("totals", 5, november, cut=True) == f"totals-first-5-rows-{range_}.csv"
    assert named("totals", 1, Filters(last=november.last)) == "totals-to-2018-11-30.csv"
    paid = Filters(november.first, november.last, "paid", "Köln, DE; x=1\r\n")
    assert named("rising_songs", 49, paid) == f"rising_songs-{range_}-paid-K-ln-DE-x-1-.csv"
    assert named("level_changes", 1, paid) == f"level_changes-{range_}.csv"
    # It is about whatever time, whatever the range.
    assert named("rejected_records", 1, paid) == "rejected_records.csv"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/answers/plays_by_day.json?first=2018-11-15'--", 422),
        ("/answers/plays_by_day.json?first={{ 7*7 }}", 422),
        ("/answers/plays_by_day.json?first=2018-11-15&first=%27;drop table users", 422),
        ("/answers/plays_by_day.json?first=2018-11-16&last=2018-11-15", 422),
        ("/answers/plays_by_day.json?level=gold", 422),
        ("/answers/plays_by_day.json?begin=1", 422),
        ("/answers/plays_by_day.csv?start=15.11.2018", 422),
        ("/answers/plays_by_day.sql?Level=free", 422),
        ("/answers/plays_by_day.json?level=free' or 1=1--", 422),
        ("/answers/plays_by_day.json?place=", 422),
        ("/answers/plays_by_day.json?place=a%5c' or 1=1--", 422),
        ("/answers/plays_by_day.json?place=a%00", 422),
        (f"/answers/plays_by_day.json?place={'a' * 513}", 422),
        ("/answers/..%2fschema%2fusers.sql", 404),
        ("/answers/{{ 7*7 }}.sql", 404),
        ("/answers/plays_by_day' or 1=1.json", 404),
        ("/answers/plays_by_day.exe", 404),
        ("/answers/nothing.json", 404),
        ("/..%2fapp.py", 404),
        ("/%2fetc%2fpasswd", 404),
        ("/app.py", 404),
    ],
)
def test_what_is_not_there_and_what_is_no_date_is_refused(
    asgi: admission.Admission, path: str, status: int
) -> None:
    assert TestClient(asgi).get(path).status_code == status


def test_a_parameter_that_is_none_is_refused_in_a_sentence(asgi: admission.Admission) -> None:
    refusal = TestClient(asgi).get("/answers/plays_by_day.json?start=2018-11-15&level=free")
    assert refusal.json() == {
        "detail": "There is no parameter start; there are first, last, level, place."
    }


def test_every_answer_carries_the_headers_that_protect(
    asgi: admission.Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind: Any = asgi._app  # known as an ASGI application only; it is one of FastAPI's
    routes = [route.path for route in behind.routes]
    assert len(routes) == 4, "Say here what it may answer"
    for name in ("query", "rendered"):
        monkeypatch.setattr(app, name, lambda *_: 1 / 0)
    client = TestClient(asgi, raise_server_exceptions=False)
    statuses = {
        "/": 200,
        "/page.js": 200,
        "/plotly.js": 200,
        "/nothing": 404,
        "/no/where": 404,
        "/answers/totals.json": 503,
        "/answers/totals.csv": 503,
        "/answers/totals.sql": 500,
        "/answers/totals.json?first=x": 422,
    }
    answers = {path: client.get(path) for path in statuses}
    assert {path: answer.status_code for path, answer in answers.items()} == statuses
    answers["405"] = client.post("/")
    monkeypatch.setattr(admission, "MAX_REQUESTS", 0)
    answers["503"] = client.get("/")
    for path, answer in answers.items():
        headers = answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy, path
        assert "frame-ancestors 'self'" in policy, path
        assert headers["x-frame-options"] == "SAMEORIGIN", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "same-origin", path
        kept = "private, max-age=86400" if path == "/plotly.js" else "no-store"
        assert headers["cache-control"] == kept, path


def test_who_is_logged_out_is_led_to_the_login_and_back_to_the_same_range(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise HTTPException(401, "Token Expired")

    monkeypatch.setattr(app, "MAY_READ", refuse)
    client = TestClient(app.make_app(), root_path="/airflow/sparkify", follow_redirects=False)
    query = "?first=2018-11-14&last=2018-11-15"
    back = "%2Fairflow%2Fsparkify%2F%3Ffirst%3D2018-11-14%26last%3D2018-11-15"
    for path in ("/", "/answers/totals.csv"):
        led = client.get(path + query, headers={"Accept": "text/html,*/*"})
        assert led.is_redirect
        assert led.headers["location"] == f"/airflow/api/v2/auth/login?next={back}"
    # A program is told what is wrong.
    assert client.get("/answers/totals.json").status_code == 401


def test_every_question_is_on_the_page_and_is_answered(client: TestClient) -> None:
    scripts = client.get("/page.js").text + client.get("/charts.js").text
    for name in questions():
        assert f'"{name}"' in scripts, f"Draw {name} in plugins/sparkify/page/static/charts.js."
        assert client.get(f"/answers/{name}.json?first=2018-01-01&last=9999-12-31").is_success


def test_the_library_is_the_package_s_own_and_nothing_comes_from_elsewhere(
    asgi: admission.Admission,
) -> None:
    client = TestClient(asgi)
    assert "plotly.js" in client.get("/plotly.js").text[:200]
    plain = client.get("/plotly.js", headers={"Accept-Encoding": "identity"})
    assert plain.content == client.get("/plotly.js").content
    for file in (ROOT / "plugins/sparkify/page/static").iterdir():
        assert "://" not in file.read_text()


def test_an_answer_that_is_cut_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "ROWS", 2)
    assert client.get("/answers/plays_by_day.json").json()["cut"] is True
    table = client.get("/answers/plays_by_day.csv")
    assert "plays_by_day-first-2-rows.csv" in table.headers["content-disposition"]
    assert len(table.text.splitlines()) == 3


def test_an_answer_can_neither_write_nor_last_nor_be_endless(warehouse: Warehouse) -> None:
    from sparkify.page.warehouse import ROWS

    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        reading(5) as read,
    ):
        read("delete from users")
    with pytest.raises(psycopg.errors.QueryCanceled), reading(0.1) as read:
        read("select pg_sleep(5)")
    with reading(5) as read:
        answer = read("select n from generate_series(1, 20000) as n")
        assert (len(answer.rows), answer.cut) == (ROWS, True)
        assert connections(warehouse) == 1
    assert eventually(lambda: connections(warehouse) == 0)


def connections(warehouse: Warehouse) -> Any:
    return warehouse.value(
        "select count(*) from pg_stat_activity where application_name = 'sparkify page'"
    )


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_warehouse_that_does_not_answer_is_said_in_a_sentence(
    asgi: admission.Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "reading", lambda _: psycopg.connect("host=/nowhere"))
    refusal = TestClient(asgi).get("/answers/plays_by_day.json")
    assert refusal.status_code == 503
    assert "sparkify_warehouse works" in refusal.json()["detail"]
    assert "/nowhere" not in refusal.text


@pytest.fixture
def locked(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The warehouse, while somebody else holds one of its tables."""
    with psycopg.connect(warehouse.client.info.dsn) as somebody:
        somebody.execute("lock table session_hours")
        yield warehouse


def test_a_question_that_takes_too_long_is_said_to(
    locked: Warehouse, asgi: admission.Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SECONDS", 0.2)
    refusal = TestClient(asgi).get("/answers/totals.json")
    assert refusal.status_code == 504
    assert refusal.json()["detail"].startswith("totals took longer than 0 s")
    assert eventually(lambda: connections(locked) == 0)


def test_a_crowd_is_turned_away_and_a_table_that_is_locked_takes_no_more_than_its_share(
    locked: Warehouse, asgi: admission.Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SECONDS", 2.0)
    monkeypatch.setattr(answer_queue, "TIMEOUT", 1.0)

    async def crowd() -> list[httpx.Response]:
        transport = httpx.ASGITransport(asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            asked = [client.get(f"/answers/totals.json?first=20{n}-01-01") for n in range(20, 99)]
            asking = asyncio.gather(*asked)
            await asyncio.to_thread(
                eventually, lambda: connections(locked) == answer_queue.MAX_CONCURRENT
            )
            assert connections(locked) == answer_queue.MAX_CONCURRENT
            # What needs no warehouse is there nevertheless, once there is room.
            answers = await asking
            assert (await client.get("/page.css")).is_success
            return answers

    began = time.monotonic()
    answers = asyncio.run(crowd())
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"5"}
    assert "busy with other questions: try again" in answers[0].text
    # What nobody waits for any more is not asked: only what was begun ends by its timeout.
    assert eventually(lambda: connections(locked) == 0)
    assert time.monotonic() - began < 10, "what nobody waits for was asked"


def test_who_asks_the_same_at_once_or_soon_is_given_one_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_queue, "MAX_CACHED", 3)
    asked: list[int] = []
    go_on = Event()

    def work(number: int) -> Reply:
        asked.append(number)
        go_on.wait(5)
        return Reply(b"", "text/plain")

    async def ask() -> None:
        ours = AnswerQueue()
        same = [asyncio.create_task(ours.reply("same", lambda: work(1))) for _ in range(5)]
        await asyncio.sleep(0.05)
        # One who leaves takes nothing from the others.
        same.pop().cancel()
        go_on.set()
        assert len({id(reply) for reply in await asyncio.gather(*same)}) == 1
        for number in range(2, 5):
            await ours.reply(number, partial(work, number))
        assert asked == [1, 2, 3, 4]
        # The oldest had to go.
        await ours.reply("same", lambda: work(5))
        await ours.reply(4, lambda: work(6))
        assert asked == [1, 2, 3, 4, 5]
        monkeypatch.setattr(answer_queue, "MAX_AGE", 0)
        await ours.reply(4, lambda: work(7))
        assert asked == [1, 2, 3, 4, 5, 7]

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("place", "plays"),
    [
        ("London, UK", 4),
        ("london, uk", 0),
        ("London, UK' or '1'='1", 0),
        ("'; drop table songplays; --", 0),
        ("$$ %s %(place)s {{ 7*7 }} {% raw %}", 0),
        ('"\u0130"', 0),
    ],
)
def test_a_place_is_a_value_and_never_a_part_of_the_sql(
    client: TestClient, place: str, plays: int
) -> None:
    for name, asked in questions().items():
        answer = client.get(f"/answers/{name}.json", params={"place": place})
        assert answer.is_success, name
        assert asked.is_filtered(Filters(place=place)) != answer.json()["unfiltered"]
    assert client.get("/answers/totals.json", params={"place": place}).json()["rows"][0][0] == plays
    # As it is shown it can be run.
    shown = client.get("/answers/totals.sql", params={"place": place, "level": "free"}).text
    with reading(5) as read:
        assert read(shown.replace("%", "%%")).rows[0][0] == plays


def test_a_range_is_made_of_dates_alone() -> None:
    question = Question("q", "-- Head,\n-- and more.\nselect 1 where {{ in_range('day') }}\n")
    assert question.description == "Head, and more."
    assert rendered(question, Filters()).endswith("where 1 = 1")


def test_what_a_question_says_it_is_limited_to_is_what_its_sql_is_limited_to() -> None:
    for question in questions().values():
        # Drivers take it for the beginning of a parameter.
        assert "%" not in re.sub(r"{%.*?%}", "", question.text, flags=re.DOTALL), question.name
        assert question.text.count("limit ") == (question.limit is not None), question.name
