"""``make report``: what it needs, and what it says where that is missing."""

from datetime import date
from pathlib import Path

import pytest

from local.deployment.credentials import credentials
from local.deployment.environment import env_file, environment, read_env_file
from local.deployment.layout import Layout
from local.deployment.report import Options, connected, write
from local.servers.postgres import EmbeddedPostgres
from local.terminal.errors import UserError
from local.tools.pipeline import Pipeline
from sparkify.page.files import REPORT
from tests.support.sources import TestSource, play


def test_without_a_deployment_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make run ONCE=1"), connected(Layout(tmp_path)):
        pass


def test_what_is_exported_is_read_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "it's here")
    secrets = credentials(layout.local / "credentials.json")
    postgres = EmbeddedPostgres(layout.local / "postgres")
    exported = environment(layout, secrets, postgres, 8080, "file:///a b/$HOME")
    assert read_env_file(env_file(exported, "it's 'a'\nexport B=$HOME")) == exported


def test_of_another_source_it_says_how_that_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    secrets = credentials(layout.local / "credentials.json")
    postgres = EmbeddedPostgres(layout.local / "postgres")
    exported = environment(layout, secrets, postgres, 8080, "s3://one/listening")
    layout.env.write_text(env_file(exported, "one"))
    monkeypatch.setenv("SPARKIFY_SOURCE", "s3://two/listening/")
    with (
        pytest.raises(
            UserError, match="loaded here is s3://one/listening, not s3://two/listening/"
        ),
        connected(layout),
    ):
        pass


def test_it_goes_where_it_is_wished_and_by_default_where_the_dag_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    assert Options.read(layout).file == tmp_path / ".local/report" / REPORT
    monkeypatch.setenv("OUT", str(tmp_path / "week.html"))
    assert Options.read(layout).file == tmp_path / "week.html"


def test_it_is_limited_to_days_a_level_and_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"START": "2018-11-01", "LEVEL": "paid", "PLACE": "London, UK"}.items():
        monkeypatch.setenv(name, value)
    options = Options.read(Layout(tmp_path))
    assert (options.first, options.last) == (date(2018, 11, 1), None)
    assert (options.level, options.place) == ("paid", "London, UK")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"START": "November"}, "START=November is not a date: write it as 2018-11-01"),
        ({"START": "2018-11-02", "END": "2018-11-01"}, "The range is empty"),
        ({"LEVEL": "gold"}, "LEVEL=gold is no level: it must be free or paid"),
        ({"OUT": "."}, "is a folder: name a file, such as"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], said: str
) -> None:
    for name, value in options.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=said):
        Options.read(Layout(tmp_path))


def test_a_report_without_a_play_is_not_written(
    source: TestSource, pipeline: Pipeline, tmp_path: Path
) -> None:
    source.events(play("2018-11-15 10:00:00", location="London, UK"))
    pipeline.run("2018-11-15", "2018-11-16")
    file = tmp_path / REPORT
    with pytest.raises(UserError, match="no play matches its options"):
        write(Options(None, None, None, "Nowhere", file))
    assert not file.exists()
    write(Options(None, None, None, "London, UK", file))
    assert "London, UK" in file.read_text()
