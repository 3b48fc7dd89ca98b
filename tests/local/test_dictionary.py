"""What `make dictionary` writes says what sql/schema says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from local.tools.contents import TABLES
from local.tools.dictionary import WRITTEN, contract, sources, tables
from sparkify.dictionary import Column, description
from tests.support.environment import ROOT

SCHEMA = ROOT / "sql" / "schema"


@pytest.mark.parametrize("target", WRITTEN, ids=str)
def test_what_is_written_is_current(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert target.read_text() == WRITTEN[target](), (
        f"{target} is not what sql/schema says: run `make dictionary`."
    )


def test_every_table_is_in_it_with_all_its_columns() -> None:
    found = {table.name: table for table in tables(SCHEMA)}
    assert set(found) == {file.stem for file in SCHEMA.glob("*.sql")}
    assert found["songplays"].key == ("songplay_id",)
    assert found["user_levels"].key == ("user_id", "valid_from")
    assert len(found["songplays"].columns) == 14
    assert "plays_version" in [column.name for column in found["hour_loads"].columns]
    assert found["songplays"].grain.startswith("One row per play: ")


def test_every_column_says_what_it_means() -> None:
    silent = [
        f"{table.name}.{column.name}"
        for table in tables(SCHEMA)
        for column in table.columns
        if not column.meaning
    ]
    assert not silent, f"Say what they mean at the end of their line in sql/schema: {silent}"


def test_a_column_s_line_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "plays.sql").write_text(
        "-- One row per play,\n"
        "-- noqa: disable=LT05\n"
        "-- whoever listens.\n"
        "create table if not exists plays (\n"
        "    id varchar(32){{ bytewise() }} not null,  -- what it is called\n"
        "    length double precision,\n"
        "    hash numeric(38, 0),  -- of it all\n"
        "    primary key (id)\n"
        ")\n"
    )
    (table,) = tables(tmp_path)
    assert table.grain == "One row per play, whoever listens."
    assert table.columns == (
        Column("id", "varchar(32)", True, "what it is called"),
        Column("length", "double precision", False, ""),
        Column("hash", "numeric(38, 0)", False, "of it all"),
    )
    assert description("select 1") == ""


def loaded(text: str) -> Any:
    return yaml.safe_load(text)


def test_dbt_learns_of_the_star_and_how_fresh_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (source,) = loaded(sources())["sources"]
    found = {table["name"]: table for table in source["tables"]}
    assert set(found) == set(TABLES)
    columns = {column["name"]: column for column in found["songplays"]["columns"]}
    assert columns["songplay_id"]["data_tests"] == ["unique", "not_null"]
    assert columns["user_id"]["data_tests"] == ["not_null"]
    assert "data_tests" not in columns["level"]
    # Neither column is unique by itself.
    tests = {column["name"]: column.get("data_tests") for column in found["user_levels"]["columns"]}
    assert tests["user_id"] == tests["valid_from"] == ["not_null"]
    unwatched = {name for name in found if found[name].get("config") == {"freshness": None}}
    assert unwatched == {"songs", "artists"}


def test_the_contract_has_what_the_standard_requires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    made = loaded(contract())
    assert {"apiVersion", "kind", "id", "version", "status"} <= made.keys()
    schema = {one["name"]: one for one in made["schema"]}
    assert set(schema) == {*TABLES, "data_as_of"}
    assert {one["logicalType"] for one in schema.values()} == {"object"}
    keys = {
        one["name"]: one.get("primaryKeyPosition") for one in schema["user_levels"]["properties"]
    }
    assert keys == {"user_id": 1, "level": None, "valid_from": 2, "valid_to": None}
    (freshness,) = made["slaProperties"]
    view, column = freshness["element"].split(".")
    assert column in [one["name"] for one in schema[view]["properties"]]
