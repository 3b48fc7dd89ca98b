"""Debian's Chromium, and the page in it as a person who has logged in sees it."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import (
    Browser,
    FrameLocator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

# A loaded machine draws slowly.
PATIENCE = 60_000


class Login(NamedTuple):
    """A user of Airflow's."""

    user: str
    password: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if not chromium:
        # Not everyone may install it; CI does, and fails if a test is skipped.
        pytest.skip("There is no Chromium here: `make browser` installs Debian's")
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, which CI is.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        yield playwright.chromium.launch(executable_path=chromium, args=options)


@contextmanager
def logged_in(browser: Browser, url: str, login: Login, **options: Any) -> Iterator[Page]:
    """Airflow's home page, after its login form."""
    size = ViewportSize(width=1500, height=1000)
    with closing(browser.new_context(viewport=size, **options)) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(url)
        log_in(page, login)
        yield page


def log_in(page: Page, login: Login) -> None:
    page.get_by_label("Username").fill(login.user)
    page.get_by_label("Password").fill(login.password)
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    page.wait_for_url(lambda address: "/login" not in address)


def opened(page: Page) -> FrameLocator:
    """The page, as the navigation leads to it, with all its charts drawn or said to be empty."""
    page.get_by_role("link", name="Sparkify", exact=True).click()
    frame = page.frame_locator("iframe[title=Sparkify]")
    drawn(frame)
    return frame


def drawn(frame: FrameLocator | Page) -> None:
    frame.locator("#plays_by_day .js-plotly-plot").wait_for()
    expect(frame.locator("[aria-busy]")).to_have_count(0, timeout=PATIENCE)
