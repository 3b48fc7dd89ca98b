"""The page as a person sees it: a real API server, and Debian's Chromium."""

import asyncio
import json
import os
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from airflow.sdk import DAG
from playwright.sync_api import Browser, FrameLocator, Page, expect

from local.deployment.deployment import AIRFLOW
from local.deployment.ports import free_port
from local.deployment.services import Services
from local.servers.databases import database
from local.servers.postgres import EmbeddedPostgres
from local.terminal.errors import last_lines
from local.tools.pipeline import Pipeline
from sparkify.page import app, warehouse
from sparkify.page.questions import Filters
from sparkify.page.report import report
from tests.support.browser import PATIENCE, Login, drawn, log_in, logged_in, opened
from tests.support.environment import HOME
from tests.support.sources import TestSource, play

FORMS = ("json", "csv", "sql")
REQUESTS, AT_ONCE = 500, 100
LONG = 8.0
HEALTH = ("version", "monitor/health")
NO_HEADERS: dict[str, str] = {}

# An hour of it is four tasks, of which each asks Airflow's API for something.
DAG_FILE = """
import time
from datetime import UTC, datetime

from airflow.sdk import DAG, CronDataIntervalTimetable, task

with DAG(
    "hourly",
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
):
    @task
    def load(before):
        time.sleep(1)
        return before + 1

    load(load(load(load(0))))
"""
ADA, ROOT = (Login(user, secrets.token_urlsafe(9)) for user in ("ada", "root"))
START_LIMIT = 240


@pytest.fixture(scope="module")
def november(
    server: EmbeddedPostgres, empty_database: str, dags: dict[str, DAG], real_source: Path
) -> Iterator[str]:
    """The public data set, loaded; its connection."""
    with ExitStack() as made:
        name = made.enter_context(database(server, "november", like=empty_database))
        patch = made.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", server.connection(name))
        patch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", real_source.as_uri())
        Pipeline(dags["sparkify"]).run("2018-11-01", "2018-12-01")
        with psycopg.connect(server.uri(name)) as client:
            # And an hour of a schedule that goes on, years after.
            client.execute(
                "insert into hour_loads (hour_start, asked_by, loaded_by, files, plays) "
                "values ('2026-11-21', 'a run', 'a run', 0, 0)"
            )
        yield server.connection(name)


@dataclass
class Airflow:
    """A real Airflow with its own login, of which only the API server runs at first."""

    url: str
    environment: dict[str, str]
    services: Services

    def start(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", AIRFLOW, name, *arguments]
        self.services.start(name, command, self.environment)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=150, **options)

    def wait(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not ready():
            self.services.check()
            assert time.monotonic() < deadline, f"Airflow did not get so far: {self.said()}"
            time.sleep(0.2)

    def said(self) -> str:
        """What each of its processes said last."""
        logs = {
            path.stem: path.read_text(errors="replace") for path in self.services.logs.iterdir()
        }
        return "\n".join(f"{name}: {last_lines(text)}" for name, text in logs.items())

    def token(self, login: Login) -> dict[str, str]:
        """What a user's requests carry."""
        sent = {"username": login.user, "password": login.password}
        answer = httpx.post(f"{self.url}/auth/token", json=sent, trust_env=False, timeout=60)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="module")
def metadata(server: EmbeddedPostgres, airflow: str) -> Iterator[str]:
    """Its own: a scheduler would go on with whatever other tests have left in theirs."""
    with database(server, "page_metadata", like=airflow) as name:
        yield server.uri(name, "postgresql+psycopg2")


@pytest.fixture(scope="module")
def running(metadata: str, november: str) -> Iterator[Airflow]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    passwords = HOME / "passwords.json"
    passwords.write_text(json.dumps(dict([ADA, ROOT])))
    (HOME / "dags").mkdir()
    (HOME / "dags" / "hourly.py").write_text(DAG_FILE)
    ours = {
        "AIRFLOW_CONN_SPARKIFY_WAREHOUSE": november,
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ada:viewer,root:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    services = Services(HOME / "processes.json", HOME / "logs")
    made = Airflow(url, os.environ | ours, services)
    try:
        made.start("api-server")
        made.wait(lambda: is_up(made))
        yield made
    finally:
        services.stop()


def is_up(running: Airflow) -> bool:
    try:
        return running.get("/api/v2/version").is_success
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def url(running: Airflow) -> str:
    return running.url


def rows(frame: FrameLocator | Page, name: str) -> list[list[str]]:
    """The table behind a chart."""
    lines = frame.locator(f"#{name} tbody tr").all()
    return [line.locator("td").all_text_contents() for line in lines]


def test_a_person_sees_what_is_listened_to_picks_a_range_and_follows_the_sql(
    browser: Browser, url: str, real_source: Path
) -> None:
    asked: set[str] = set()
    with logged_in(browser, url, ADA, color_scheme="light") as page:
        page.on("request", lambda request: asked.add(httpx.URL(request.url).host or "itself"))
        frame = opened(page)

        expect(frame.locator("#loaded")).to_contain_text("6,820 plays by 96 users")
        expect(frame.locator("#loaded")).to_contain_text("Data as of 2018-12-01 00:00")
        the_month_is_shown(frame)
        every_chart_can_be_read(frame)
        expect(frame.get_by_role("button", name="All")).to_have_attribute("aria-pressed", "true")

        frame.get_by_label("From", exact=True).fill("2018-11-15")
        frame.get_by_label("to", exact=True).fill("2018-11-15")
        frame.get_by_role("button", name="Show").click()
        expect(frame.locator("#plays_by_day tbody tr")).to_have_count(1, timeout=PATIENCE)
        drawn(frame)
        day = (real_source / "log_data/2018/11/2018-11-15-events.json").read_text()
        assert [row[:2] for row in rows(frame, "plays_by_day")] == [
            ["2018-11-15", str(day.count('"page":"NextSong"'))]
        ]

        # Each bar and each of the day's hours is there to be seen, though it is the only day.
        for name in ("plays_by_day", "free_and_paid_users", "active_users", "check_results"):
            box = frame.locator(f"#{name} .bars .point path").first.bounding_box()
            assert box, name
            assert min(box["width"], box["height"]) > 10, name
        assert ["month", "2018-11-01", "21", "yes", "1", "30"] in rows(frame, "active_users")
        expect(frame.locator("#active_users .note")).to_contain_text("are partial")
        expect(frame.locator("#hours .heatmaplayer image")).to_have_count(1)
        expect(frame.locator("#hours .legend li")).to_have_text(["loaded: 20", "quiet: 4"])

        with page.expect_download() as started:
            frame.get_by_role("link", name="CSV of Most played artists").click()
        name = "most_played_artists-first-50-rows-from-2018-11-15-to-2018-11-15.csv"
        assert started.value.suggested_filename == name
        frame.get_by_role("link", name="SQL of Most played songs").click()
        sql = frame.locator("#most_played_songs pre")
        expect(sql).to_contain_text("from song_days")
        expect(sql).to_contain_text("date '2018-11-15'")
        # The page is still there.
        expect(frame.locator("#most_played_songs .js-plotly-plot")).to_be_visible()
        it_is_as_light_or_dark_as_the_system_and_as_airflow(page, frame, "light", "dark")
        the_address_leads_back_to_the_range(page)
    # Data within a page has no host.
    assert asked - {"itself"} == {"127.0.0.1"}


def test_a_level_and_a_place_are_picked_for_the_whole_page(
    browser: Browser, url: str, real_source: Path
) -> None:
    place = "San Francisco-Oakland-Hayward, CA"
    with logged_in(browser, url, ADA, color_scheme="dark") as page:
        frame = opened(page)
        # Places are offered, the most users first.
        offered = frame.locator("#places option")
        expect(offered.first).to_have_attribute("value", rows(frame, "listeners_by_place")[0][0])
        assert place in [option.get_attribute("value") for option in offered.all()]

        frame.locator("[name=level]").select_option("paid")
        frame.locator("[name=place]").fill(place)
        frame.get_by_role("button", name="Show").click()
        plays = f"{plays_of(real_source, level='paid', location=place):,}"
        expect(frame.locator("#totals dd").first).to_have_text(plays, timeout=PATIENCE)
        drawn(frame)
        expect(frame.locator("#meaning")).to_contain_text(f"Only plays at level paid from {place}")
        assert [row[0] for row in rows(frame, "listeners_by_place")] == [place]
        assert sum(int(row[2]) for row in rows(frame, "plays_by_day")) == 0
        expect(frame.locator("#level_changes > p").first).to_contain_text("Of all levels")
        expect(frame.locator("#sessions > p").first).not_to_contain_text("Of all levels")
        every_chart_can_be_read(frame)

        # Another range keeps them, and so does the address.
        frame.get_by_role("button", name="7 days").click()
        query = re.compile(r"\?first=2018-11-24&last=2018-11-30&level=paid&place=San\+Fran[^&]*$")
        expect(page).to_have_url(query, timeout=PATIENCE)
        page.reload()
        frame = page.frame_locator("iframe[title=Sparkify]")
        expect(frame.locator("[name=place]")).to_have_value(place, timeout=PATIENCE)
        expect(frame.locator("[name=level]")).to_have_value("paid")
        only = "Only plays at level paid from San"
        expect(frame.locator("#meaning")).to_contain_text(only, timeout=PATIENCE)
        with page.expect_download() as started:
            frame.get_by_role("link", name="CSV of Plays by day").click()
        assert started.value.suggested_filename == (
            "plays_by_day-from-2018-11-24-to-2018-11-30-paid-San-Francisco-Oakland-Hayward-CA.csv"
        )
        it_is_as_light_or_dark_as_the_system_and_as_airflow(page, frame, "dark", "light")


def it_is_as_light_or_dark_as_the_system_and_as_airflow(
    page: Page, frame: FrameLocator, system: str, other: str
) -> None:
    root = frame.locator("html")
    expect(root).to_have_attribute("data-theme", system)
    page.evaluate(f"document.documentElement.classList.replace('{system}', '{other}')")
    expect(root).to_have_attribute("data-theme", other)


def plays_of(source: Path, **wanted: str) -> int:
    texts = (file.read_text() for file in source.glob("log_data/*/*/*"))
    events = (json.loads(line) for text in texts for line in text.split("\n") if "NextSong" in line)
    return sum(all(event[name] == value for name, value in wanted.items()) for event in events)


def the_address_leads_back_to_the_range(page: Page) -> None:
    """Airflow's own, and the page's after another login."""
    query = "?first=2018-11-15&last=2018-11-15"
    expect(page).to_have_url(re.compile(re.escape(query) + "$"), timeout=PATIENCE)
    page.reload()
    frame = page.frame_locator("iframe[title=Sparkify]")
    expect(frame.locator("#totals dd").first).to_have_text("479", timeout=PATIENCE)
    page.context.clear_cookies()
    page.goto(f"{httpx.URL(page.url).join('/sparkify/')}{query}")
    page.wait_for_url(re.compile("login"))
    log_in(page, ADA)
    expect(page.locator("#totals dd").first).to_have_text("479", timeout=PATIENCE)
    expect(page).to_have_url(
        re.compile(r"/sparkify/\?first=2018-11-15&last=2018-11-15$"), timeout=PATIENCE
    )


def the_month_is_shown(frame: FrameLocator | Page) -> None:
    assert [row[:3] for row in rows(frame, "most_played_songs")[:2]] == [
        ["You're The One", "Dwight Yoakam", "37"],
        ["Undo", "Björk", "28"],
    ]
    bars = frame.locator("#most_played_songs .bars .point")
    expect(bars).to_have_count(12)
    expect(bars.nth(1)).to_contain_text("28")
    expect(frame.locator("#most_played_songs .yaxislayer-above")).to_contain_text("Undo · Björk")
    assert sum(int(row[1]) for row in rows(frame, "plays_by_day")) == 6820
    expect(frame.locator("#totals dd")).to_have_text(["6,820", "96", "776", "8.8", "0.0147%"])
    expect(frame.locator("#meaning")).to_contain_text("A play is a song started")
    expect(frame.locator("#meaning")).to_contain_text("The match rate is the share of plays")


def every_chart_can_be_read(frame: FrameLocator) -> None:
    """With a screen reader and by keyboard: each has a name, what it says, and its rows."""
    charts = frame.get_by_role("article").all()
    assert len(charts) == 22
    for chart in charts:
        assert chart.get_by_role("heading").text_content()
        assert chart.get_by_role("link").count() == 2
        if chart.locator(".nothing").count():
            continue
        if chart.locator(".js-plotly-plot").count():
            assert chart.get_by_role("img").first.get_attribute("aria-label")
        assert chart.locator("table th[scope=col]").count() > 1
    frame.locator("#plays_by_day summary").focus()
    frame.locator("#plays_by_day summary").press("Enter")
    expect(frame.locator("#plays_by_day table")).to_be_visible()


def test_the_report_opens_from_its_file_and_needs_nothing_else(
    browser: Browser, november: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(report(Filters()))
    asked: list[str] = []
    complaints: list[str] = []
    with closing(browser.new_context(offline=True, color_scheme="dark")) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(file.as_uri())
        drawn(page)

        said = page.locator("#loaded")
        expect(said).to_contain_text("6,820 plays by 96 users are loaded, 2018-11-01 to 2018-11-30")
        expect(said).to_contain_text("Data as of 2018-12-01 00:00 UTC")
        expect(said).to_contain_text("Hours that need action, as of")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        the_month_is_shown(page)
        expect(page.get_by_role("article")).to_have_count(22)
        expect(page.locator("#hours .js-plotly-plot")).to_be_visible()
        expect(page.locator("#most_played_songs pre")).to_contain_text("from song_days")
        expect(page.locator("#hours caption")).to_contain_text("first 200 of 721 rows")
        # The years in between do not press them into a line.
        expect(page.locator("#hours .xaxislayer-above")).to_contain_text("2018-11-01")
        expect(page.locator("#hours .xaxislayer-above")).to_contain_text("2026-11-21")
        expect(page.locator("#hours .cut")).to_be_hidden()
        title = page.locator("#most_played_songs .ytick text title").nth(4)
        expect(title).to_contain_text("(Andante cantabile) · Barry Tuckwell/Academy of St Martin")
        with page.expect_download() as started:
            page.get_by_role("link", name="CSV of Most played songs").click()
        assert "\r\nUndo,Björk,28," in started.value.path().read_bytes().decode()
    assert complaints == []
    assert {url.split(":")[0] for url in asked} <= {"file", "blob"}


def test_what_was_cut_is_said_to_be(
    browser: Browser, november: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "ROWS", 5)
    file = tmp_path / "report.html"
    file.write_text(report(Filters(date(2018, 11, 1), date(2018, 11, 7), "paid")))
    with closing(browser.new_page(color_scheme="light")) as page:
        page.goto(file.as_uri())
        drawn(page)
        expect(page.locator("html")).to_have_attribute("data-theme", "light")
        expect(page.locator("#loaded")).to_contain_text(
            "covers 2018-11-01 to 2018-11-07, at level paid."
        )
        expect(page.locator("#meaning")).to_contain_text("Only plays at level paid count")
        expect(page.locator("#plays_by_day .cut")).to_contain_text("Only the first 5 rows")
        expect(page.locator("#rising_songs .cut")).to_contain_text("Only the first 5 rows")
        expect(page.locator("#plays_by_weekday_and_hour tbody tr")).to_have_count(5)


def test_why_a_number_changed_is_read_without_opening_anything(
    browser: Browser, pipeline: Pipeline, source: TestSource, tmp_path: Path
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 10:10:00", itemInSession=1))
    pipeline.run("2018-11-15", "2018-11-16", run_id="first")
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run("2018-11-15", "2018-11-16", run_id="corrected")
    file = tmp_path / "report.html"
    file.write_text(report(Filters()))
    with closing(browser.new_page()) as page:
        page.goto(file.as_uri())
        drawn(page)
        expect(page.locator("#changed_numbers table")).to_be_visible()
        told = [row[1:4] + row[-3:-1] for row in rows(page, "changed_numbers")]
        file_and_run = ["log_data/2018/11/2018-11-15-events.json", "corrected"]
        assert ["songplays", "2", "1", *file_and_run] in told
        expect(page.locator("#changed_numbers .js-plotly-plot")).to_have_count(0)


MARKUP = [
    "</script><script>ran()</script>",
    "<img src=x onerror=ran()>",
    '"><svg onload=ran()>',
    "<a href='javascript:ran()'>a title</a>",
    "<b>bold</b> &lt;i&gt; %{x} %{customdata} ${ran()}",
    "{{ 7*7 }} {% raw %} %s",
    "<!--<script>",
]


def test_titles_that_are_markup_are_text(
    browser: Browser,
    pipeline: Pipeline,
    source: TestSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "MAY_READ", lambda: None)
    plays = [
        play(f"2018-11-15 10:0{at}:00", itemInSession=at, song=text, artist=text, location=text)
        for at, text in enumerate(MARKUP)
    ]
    upgrade = play("2018-11-15 10:30:00", itemInSession=30, level="paid", song=MARKUP[0])
    source.events(*plays, upgrade)
    pipeline.run("2018-11-15", "2018-11-16")
    file = tmp_path / "report.html"
    file.write_text(report(Filters()))
    with served(app.make_app()) as url, closing(browser.new_page()) as page:
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.expose_function("ran", lambda: complaints.append("it ran"))
        for address in (file.as_uri(), f"{url}/"):
            page.goto(address)
            drawn(page)
            expect(page.get_by_role("article")).to_have_count(22)
            assert {row[0] for row in rows(page, "most_played_songs")} == set(MARKUP)
            labels = page.locator("#most_played_songs .ytick text")
            said = {label.evaluate(LABEL) for label in labels.all()}
            assert said >= {f"{text} · {text}" for text in MARKUP[1:2]}
            for bar in page.locator("#most_played_songs .bars .point").all():
                bar.hover(force=True)
            expect(page.locator("#most_played_songs .hoverlayer")).to_contain_text("plays")
            assert page.locator("article img, article a[href^=javascript]").count() == 0
        assert [said for said in complaints if "favicon" not in said and "404" not in said] == []


# What a label says, or says to whoever points at it.
LABEL = "label => label.querySelector('title').textContent"


@contextmanager
def served(application: Any) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning")
    )
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    "path",
    ["", "page.js", "plotly.js", *(f"answers/most_played_songs.{form}" for form in FORMS)],
)
def test_who_is_not_logged_in_is_refused(url: str, path: str) -> None:
    answer = httpx.get(f"{url}/sparkify/{path}", trust_env=False)
    assert answer.status_code == 401
    assert "Björk" not in answer.text


def test_the_page_cannot_stop_airflow(
    running: Airflow, server: EmbeddedPostgres, november: str
) -> None:
    """A locked table, 500 requests of the lowest role, and a backfill beside them."""
    running.start("dag-processor")
    running.start("scheduler", "--skip-serve-logs")
    root, ada = running.token(ROOT), running.token(ADA)
    running.wait(lambda: running.get("/api/v2/dags/hourly", headers=root).is_success)
    backfill = {
        "dag_id": "hourly",
        "from_date": "2018-11-01T00:00:00Z",
        "to_date": "2018-11-01T02:00:00Z",
        "max_active_runs": 3,
    }
    asked = httpx.post(
        f"{running.url}/api/v2/backfills", json=backfill, headers=root, trust_env=False, timeout=60
    )
    asked.raise_for_status()
    states = "/api/v2/dags/hourly/dagRuns/~/taskInstances?limit=100"

    def tasks() -> Counter[str]:
        found = running.get(states, headers=root).json()["task_instances"]
        # The schedule may begin an hour of its own beside them.
        its = (task for task in found if task["dag_run_id"].startswith("backfill__"))
        return Counter(str(task["state"]) for task in its)

    # Its tasks take a second: on a slow machine a look may find some done and none at work.
    running.wait(lambda: not tasks().keys().isdisjoint({"running", "success"}))
    with psycopg.connect(server.uri("november"), autocommit=True) as watcher:
        with psycopg.connect(server.uri("november")) as somebody:
            somebody.execute("lock table session_hours")
            # In a thread: where the tests before have looked at the page, this one has a loop.
            with ThreadPoolExecutor(1) as crowd:
                health, answers = crowd.submit(asyncio.run, barrage(running.url, ada)).result()
        # Those in the queue gave up and left; nobody else waited at all.
        assert answers.total() == REQUESTS
        assert answers["503"] > REQUESTS / 2, answers
        # The first look comes while the crowd connects, and a busy machine takes a second for that.
        assert max(health[1:]) < 1, health
        assert health[0] < 5, health
        running.wait(lambda: not set(tasks()) - {"success", "failed"})
        assert tasks() == {"success": 12}
        ours = "select count(*) from pg_stat_activity where application_name = 'sparkify page'"
        running.wait(lambda: watcher.execute(ours).fetchone() == (0,))
    running.wait(lambda: running.get("/sparkify/answers/totals.json", headers=ada).is_success)


async def barrage(url: str, headers: dict[str, str]) -> tuple[list[float], Counter[str]]:
    """How long Airflow took to say how it is meanwhile, and what the page answered."""
    numbers = iter(range(REQUESTS))
    answers: Counter[str] = Counter()

    async def ask() -> None:
        for number in numbers:
            # Each is another question, of the table that is locked.
            last = date(2018, 11, 1) + timedelta(days=number)
            path = f"/sparkify/answers/totals.json?last={last}"
            answers[await said(url, path, headers)] += 1

    async def watch() -> list[float]:
        times: list[float] = []
        while not asked.done():
            began = time.monotonic()
            fine = await said(url, f"/api/v2/{HEALTH[len(times) % 2]}") == "200"
            times.append(time.monotonic() - began if fine else LONG)
            await asyncio.sleep(0.1)
        return times

    asked = asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return await watch(), answers


async def said(url: str, path: str, headers: dict[str, str] = NO_HEADERS) -> str:
    """
    The status that is answered, unless it takes too long.

    Without a client's library, which would take more of the machine than Airflow does.
    """
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    lines = [f"GET {path} HTTP/1.1", "Host: sparkify", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        async with asyncio.timeout(LONG):
            return (await reader.readline()).decode().split()[1]
    except TimeoutError:
        return "left"
    finally:
        writer.close()
