"""A source in a folder: what is read of it, and what it says when something is in the way."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from local.tools.pipeline import Pipeline
from sparkify.records.blocks import blocks
from sparkify.sources.base import SourceFile
from sparkify.sources.folder import FolderSource
from sparkify.sources.open import find, nearby_names, open_source
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

DAY = ("2018-11-15", "2018-11-16")
EVENTS = "log_data/2018/11/2018-11-15-events.json"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the source's, with a file that is not to be read."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.json").write_text("root:secret")
    return folder


def names(source: TestSource, prefix: str = "") -> list[str]:
    return sorted(file.name for file in open_source(source.url).list(prefix))


def content(source: TestSource, files: list[SourceFile] | None = None) -> bytes:
    reached = open_source(source.url)
    listed = sorted(reached.list("")) if files is None else files
    return b"".join(segment.lines for block in blocks(reached, listed) for segment in block)


def test_links_inside_the_folder_are_followed_and_the_folder_may_be_one(tmp_path: Path) -> None:
    inner = TestSource(tmp_path / "mounted")
    inner.lines("2018-11-15", "one")
    (inner.root / "log_data/2018/11/again.json").symlink_to("2018-11-15-events.json")
    (inner.root / "log_data/2019").symlink_to(inner.root / "log_data/2018")
    (inner.root / "log_data/2018/round").symlink_to(inner.root / "log_data")
    (inner.root / "log_data/2018/gone.json").symlink_to("nowhere")
    (tmp_path / "source").symlink_to(inner.root)
    source = TestSource(tmp_path / "source")
    assert names(source) == [
        f"log_data/{year}/11/{name}.json"
        for year in (2018, 2019)
        for name in ("2018-11-15-events", "again")
    ]
    assert content(source) == b"one" * 4


def file_link(source: TestSource, outside: Path) -> None:
    source.lines("2018-11-15").unlink()
    (source.root / EVENTS).symlink_to(outside / "secret.json")


def folder_link(source: TestSource, outside: Path) -> None:
    (outside / "2018/11").mkdir(parents=True)
    (outside / "2018/11/2018-11-15-events.json").write_text("root:secret")
    (source.root / "log_data").symlink_to(outside)


def link_to_a_link(source: TestSource, outside: Path) -> None:
    source.lines("2018-11-15").unlink()
    (source.root / "hop").symlink_to(outside)
    (source.root / EVENTS).symlink_to("../../../hop/secret.json")


@pytest.mark.parametrize("link", [file_link, folder_link, link_to_a_link])
def test_what_a_link_leads_to_outside_the_folder_is_never_read(
    link: Callable[[TestSource, Path], None],
    outside: Path,
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
) -> None:
    link(source, outside)
    said = (
        rf"{source.root}/log_data.* leads to {outside}.*outside the source folder.*Move them there"
    )
    with pytest.raises(AirflowFailException, match=said):
        pipeline.run(*DAY)
    assert warehouse.count("rejected_rows") == 0


def test_a_file_that_becomes_a_link_before_it_is_read_is_not_followed_outside(
    outside: Path, source: TestSource
) -> None:
    path = source.lines("2018-11-15", "one")
    listed = find(open_source(source.url), EVENTS)
    path.unlink()
    path.symlink_to(outside / "secret.json")
    with pytest.raises(AirflowFailException, match="outside the source folder"):
        content(source, listed)


def test_a_link_that_leads_out_does_not_matter_where_nobody_asked_for_it(
    outside: Path, source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    (source.root / "archive").symlink_to(outside)
    pipeline.run(*DAY)
    assert warehouse.column("select etag from file_ledger") == [None]


def test_links_that_lead_to_each_other_are_named(source: TestSource) -> None:
    (source.root / "a").symlink_to("b")
    (source.root / "b").symlink_to("a")
    with pytest.raises(
        AirflowFailException, match=rf"The link {source.root}/[ab] leads back to itself"
    ):
        names(source)


@pytest.mark.parametrize("pattern", ["../outside/*", "/etc/*", "log_data/../../outside/**/*"])
def test_a_pattern_does_not_lead_out_of_the_folder(
    pattern: str, outside: Path, source: TestSource
) -> None:
    source.lines("2018-11-15", "one")
    with pytest.raises(AirflowFailException, match="outside the source folder"):
        find(open_source(source.url), pattern)


def test_a_folder_that_is_none_of_the_source_hides_no_names_of_it(source: TestSource) -> None:
    source.lines("2018-11-15", "one")
    assert nearby_names(open_source(source.url), "../outside/*") == [EVENTS]


class Failing:
    """A function of the system that fails once, when it is called for a path that ends so."""

    def __init__(self, usual: Callable[..., Any], number: int, ending: str = "") -> None:
        self.usual = usual
        self.number = number
        self.ending = ending
        self.failed = False

    def __call__(self, path: Any, *arguments: Any, **named: Any) -> Any:
        if not self.failed and str(path).endswith(self.ending):
            self.failed = True
            raise OSError(self.number, os.strerror(self.number), str(path))
        return self.usual(path, *arguments, **named)


CALLS = {"scandir": "2018/11", "open": "events.json", "read": ""}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE])
def test_what_may_pass_is_tried_again(
    number: int,
    call: str,
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    failing = Failing(getattr(os, call), number, CALLS[call])
    context = pipeline.context(*DAY)
    with monkeypatch.context() as patch:
        patch.setattr(f"sparkify.sources.folder.os.{call}", failing)
        with pytest.raises(AirflowException, match="Airflow retries the task") as failed:
            pipeline.run_task("stage_events", context)
    assert failing.failed
    assert not isinstance(failed.value, AirflowFailException)
    assert pipeline.run_task("stage_events", context)["rows"] == 1


@pytest.mark.parametrize("call", ["scandir", "open"])
def test_what_is_forbidden_is_not(
    call: str, source: TestSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.lines("2018-11-15", "one")
    failing = Failing(getattr(os, call), errno.EACCES, CALLS[call])
    monkeypatch.setattr(f"sparkify.sources.folder.os.{call}", failing)
    with pytest.raises(AirflowFailException, match="Permission denied"):
        content(source)


def test_a_folder_that_is_not_there_may_be_mounted_again(tmp_path: Path) -> None:
    with pytest.raises(AirflowException, match="does not exist on this machine") as failed:
        list(FolderSource(tmp_path / "nowhere").list(""))
    assert not isinstance(failed.value, AirflowFailException)


@pytest.fixture
def before_reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """What happens once everything is listed, before the first file is opened."""
    happening: list[Callable[[], object]] = []
    usual = FolderSource.open

    def open_later(self: FolderSource, file: SourceFile) -> Any:
        while happening:
            happening.pop()()
        return usual(self, file)

    monkeypatch.setattr(FolderSource, "open", open_later)
    yield happening
    assert not happening


def test_a_file_that_goes_before_it_is_read_is_missing(
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
    before_reading: list[Callable[[], object]],
) -> None:
    source.events(play("2018-11-14 10:00:00"), play("2018-11-15 10:00:00"))
    source.songs(song("SO1"), song("SO2"))
    before_reading.append((source.root / EVENTS).unlink)
    before_reading.append((source.root / "song_data/A/B/C/TRSO2.json").unlink)
    pipeline.run("2018-11-14", "2018-11-16")
    assert warehouse.rows(
        "select source_file, etag is null, line_count from file_ledger "
        "where dataset = 'staging_events' order by 1"
    ) == [(EVENTS.replace("15", "14"), False, 1), (EVENTS, True, 0)]
    assert warehouse.rows("select objects, missing, lines from load_runs") == [(2, 1, 2)]
    assert warehouse.count("songplays") == 1
    assert warehouse.column("select song_id from songs") == ["SO1"]


def test_of_a_file_written_anew_before_it_is_read_the_version_that_was_listed_is_noted(
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
    before_reading: list[Callable[[], object]],
) -> None:
    source.songs(song("SO1"))
    before_reading.append(lambda: source.songs(song("SO1", title="A longer title")))
    pipeline.run(*DAY)
    assert warehouse.column("select title from songs") == ["A longer title"]
    assert "stage_songs" not in pipeline.run(*DAY), "it is read once more"
    assert "stage_songs" in pipeline.run(*DAY)


@pytest.mark.parametrize("left", [0, 40, 1_500_000])
def test_a_file_that_is_cut_before_it_is_read_is_read_again(
    left: int,
    source: TestSource,
    pipeline: Pipeline,
    before_reading: list[Callable[[], object]],
) -> None:
    path = source.lines("2018-11-15", *["x" * 99] * 20_000)
    before_reading.append(lambda: os.truncate(path, left))
    with pytest.raises(AirflowException, match=r"has become shorter.*retries the task") as failed:
        pipeline.run(*DAY)
    assert not isinstance(failed.value, AirflowFailException)
    assert len(content(source)) == left
