"""docs/data-dictionary.md says what sql/schema says."""

from pathlib import Path

from local.tools.dictionary import Column, dictionary, tables
from tests.support.environment import ROOT

SCHEMA = ROOT / "sql" / "schema"


def test_the_page_is_current() -> None:
    assert (ROOT / "docs/data-dictionary.md").read_text() == dictionary(SCHEMA), (
        "docs/data-dictionary.md is not what sql/schema says: run `make dictionary`."
    )


def test_every_table_is_in_it_with_all_its_columns() -> None:
    found = {table.name: table for table in tables(SCHEMA)}
    assert set(found) == {
        file.stem for file in SCHEMA.glob("*.sql") if "create table" in file.read_text()
    }
    songplays = found["songplays"]
    assert songplays.key == "songplay_id"
    assert len(songplays.columns) == 14
    assert songplays.grain.startswith("One row per play: ")


def test_a_column_s_line_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "plays.sql").write_text(
        "-- One row per play.\n"
        "create table if not exists plays (\n"
        "    id varchar(32){{ bytewise() }} not null,  -- what it is called\n"
        "    length double precision,\n"
        "    primary key (id)\n"
        ")\n"
    )
    (table,) = tables(tmp_path)
    assert table.columns == (
        Column("id", "varchar(32)", True, "what it is called"),
        Column("length", "double precision", False, ""),
    )
