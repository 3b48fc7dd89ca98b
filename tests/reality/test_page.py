"""The page as a person sees it: a real API server, and Debian's Chromium."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
import pytest
from airflow.sdk import DAG
from playwright.sync_api import (
    Browser,
    FrameLocator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from local.databases import database
from local.pipeline import Pipeline
from local.postgres import EmbeddedPostgres
from sparkify.page import warehouse
from sparkify.page.questions import Range
from sparkify.page.report import report
from tests.environment import HOME

FORMS = ("json", "csv", "sql")
PASSWORD = secrets.token_urlsafe(9)
START_LIMIT = 240
# A loaded machine draws slowly.
PATIENCE = 60_000


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


@pytest.fixture(scope="module")
def url(airflow: None, november: str) -> Iterator[str]:
    """A real API server of Airflow's, with its own login."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    passwords = HOME / "passwords.json"
    passwords.write_text(f'{{"ada": "{PASSWORD}"}}')
    url = f"http://127.0.0.1:{port}"
    ours = {
        "AIRFLOW_CONN_SPARKIFY_WAREHOUSE": november,
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ada:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-m", "airflow", "api-server", "--host", "127.0.0.1"]
    with (HOME / "api-server.log").open("w") as log:
        running = subprocess.Popen(
            [*command, "--port", str(port)],
            env=os.environ | ours,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(url, running)
        yield url
    finally:
        running.terminate()
        running.wait(timeout=30)


def wait_for(url: str, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and running.poll() is None:
        try:
            httpx.get(f"{url}/api/v2/version", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError((HOME / "api-server.log").read_text()[-3000:])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("There is no Chromium here: `make browser` installs Debian's")
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, which CI is.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        yield playwright.chromium.launch(executable_path=chromium, args=options)


@contextmanager
def logged_in(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Airflow's home page, after its login form."""
    size = ViewportSize(width=1500, height=1000)
    with closing(browser.new_context(viewport=size, **options)) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(url)
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
        page.wait_for_url(lambda address: "login" not in address)
        yield page


def opened(page: Page) -> FrameLocator:
    """The page, as the navigation leads to it, with all its charts drawn or said to be empty."""
    page.get_by_role("link", name="Sparkify", exact=True).click()
    frame = page.frame_locator("iframe[title=Sparkify]")
    drawn(frame)
    return frame


def drawn(frame: FrameLocator | Page) -> None:
    frame.locator("#plays_by_day .js-plotly-plot").wait_for()
    expect(frame.locator("[aria-busy]")).to_have_count(0, timeout=PATIENCE)


def rows(frame: FrameLocator | Page, name: str) -> list[list[str]]:
    """The table behind a chart."""
    lines = frame.locator(f"#{name} tbody tr").all()
    return [line.locator("td").all_text_contents() for line in lines]


def test_a_person_sees_what_is_listened_to_picks_a_range_and_follows_the_sql(
    browser: Browser, url: str, real_source: Path
) -> None:
    asked: set[str] = set()
    with logged_in(browser, url) as page:
        page.on("request", lambda request: asked.add(httpx.URL(request.url).host))
        frame = opened(page)

        expect(frame.locator("#loaded")).to_contain_text("6,820 plays by 96 users")
        expect(frame.locator("#loaded")).to_contain_text("Data as of 2018-12-01 00:00")
        the_month_is_shown(frame)
        every_chart_can_be_read(frame)
        expect(frame.get_by_role("button", name="All")).to_have_attribute("aria-pressed", "true")

        frame.get_by_label("From").fill("2018-11-15")
        frame.get_by_label("to", exact=True).fill("2018-11-15")
        frame.get_by_role("button", name="Show").click()
        expect(frame.locator("#plays_by_day tbody tr")).to_have_count(1, timeout=PATIENCE)
        drawn(frame)
        day = (real_source / "log_data/2018/11/2018-11-15-events.json").read_text()
        assert [row[:2] for row in rows(frame, "plays_by_day")] == [
            ["2018-11-15", str(day.count('"page":"NextSong"'))]
        ]

        # Each of the day's hours, though it is the only day.
        expect(frame.locator("#hours .heatmaplayer image")).to_have_count(1)
        expect(frame.locator("#hours .legend li")).to_have_text(["loaded: 20", "quiet: 4"])

        with page.expect_download() as started:
            frame.get_by_role("link", name="CSV of Most played artists").click()
        assert started.value.suggested_filename == "most_played_artists.csv"
        frame.get_by_role("link", name="SQL of Most played songs").click()
        sql = frame.locator("#most_played_songs pre")
        expect(sql).to_contain_text("from song_days")
        expect(sql).to_contain_text("timestamp '2018-11-15 00:00:00.000000'")
        # The page is still there.
        expect(frame.locator("#most_played_songs .js-plotly-plot")).to_be_visible()
    assert asked == {"127.0.0.1"}


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
    expect(frame.locator("#totals dd")).to_have_text(["6,820", "96", "776", "8.8"])


def every_chart_can_be_read(frame: FrameLocator) -> None:
    """With a screen reader and by keyboard: each has a name, what it says, and its rows."""
    charts = frame.get_by_role("article").all()
    assert len(charts) == 16
    for chart in charts:
        assert chart.get_by_role("heading").text_content()
        assert chart.get_by_role("link").count() == 2
        if chart.locator(".nothing").count():
            continue
        assert chart.get_by_role("img").first.get_attribute("aria-label")
        assert chart.locator("details table th[scope=col]").count() > 1
    frame.locator("#plays_by_day summary").focus()
    frame.locator("#plays_by_day summary").press("Enter")
    expect(frame.locator("#plays_by_day table")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_report_opens_from_its_file_and_needs_nothing_else(
    browser: Browser, november: str, tmp_path: Path, theme: Literal["light", "dark"]
) -> None:
    file = tmp_path / "report.html"
    file.write_text(report(Range()))
    asked: list[str] = []
    complaints: list[str] = []
    with closing(browser.new_context(offline=True, color_scheme=theme)) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(file.as_uri())
        drawn(page)

        said = page.locator("#loaded")
        expect(said).to_contain_text("6,820 plays by 96 users are loaded, 2018-11-01 to 2018-11-30")
        expect(said).to_contain_text("Data as of 2018-12-01 00:00 UTC")
        expect(said).to_contain_text("Hours missing, failed or outdated: 1 ")
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        the_month_is_shown(page)
        expect(page.get_by_role("article")).to_have_count(16)
        expect(page.locator("#hours .js-plotly-plot")).to_be_visible()
        expect(page.locator("#most_played_songs pre")).to_contain_text("from song_days")
        expect(page.locator("#hours caption")).to_contain_text("first 200 of 721 rows")
        # The years in between do not press them into a line.
        expect(page.locator("#hours .xaxislayer-above")).to_contain_text("2018-11-01")
        expect(page.locator("#hours .xaxislayer-above")).to_contain_text("2026-11-21")
        expect(page.locator("#hours .cut")).to_be_hidden()
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
    file.write_text(report(Range(date(2018, 11, 1), date(2018, 11, 7))))
    with closing(browser.new_page()) as page:
        page.goto(file.as_uri())
        drawn(page)
        expect(page.locator("#loaded")).to_contain_text("This is about 2018-11-01 to 2018-11-07")
        expect(page.locator("#plays_by_day .cut")).to_contain_text("Only the first 5 rows")
        expect(page.locator("#sessions .cut")).to_contain_text("Only the first 5 rows")
        expect(page.locator("#plays_by_weekday_and_hour tbody tr")).to_have_count(5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_as_light_or_dark_as_the_system_and_as_airflow(
    browser: Browser, url: str, theme: Literal["light", "dark"]
) -> None:
    with logged_in(browser, url, color_scheme=theme) as page:
        frame = opened(page)
        root = frame.locator("html")
        expect(root).to_have_attribute("data-theme", theme)
        other = {"light": "dark", "dark": "light"}[theme]
        page.evaluate(f"document.documentElement.classList.replace('{theme}', '{other}')")
        expect(root).to_have_attribute("data-theme", other)


@pytest.mark.parametrize(
    "path",
    ["", "page.js", "plotly.js", *(f"answers/most_played_songs.{form}" for form in FORMS)],
)
def test_who_is_not_logged_in_is_refused(url: str, path: str) -> None:
    answer = httpx.get(f"{url}/sparkify/{path}", trust_env=False)
    assert answer.status_code == 401
    assert "Björk" not in answer.text
