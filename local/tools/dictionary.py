"""``make dictionary``: generate the data dictionary, dbt's sources and the data contract."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment

from local.tools import sql_macros
from local.tools.contents import TABLES
from sparkify import dictionary
from sparkify.dictionary import Column, Table
from sparkify.settings import DEFAULTS

SCHEMA, VIEWS = Path("sql") / "schema", Path("sql") / "views"
HEAD = """\
# The tables

Written by `make dictionary` from the comments in [sql/schema](../sql/schema): change it there.
Types are PostgreSQL's; Redshift has the same, with `varchar(65535)` for `text`. A length
counts bytes on both: on PostgreSQL, too, the reader rejects a longer text.
"""
NOTE = "# Written by `make dictionary` from the comments in sql/schema: change it there.\n"

AS_OF_VIEW = "data_as_of"
"""The view, and its one column, that says how fresh the warehouse is."""
CATALOGUE = ("songs", "artists")
"""The tables that come from song files, which may well stay as they are for months."""

STALE_HOURS = int(DEFAULTS["stale_hours"])

VERSION = "1.0.0"
"""The contract's version: its first number rises when a column goes or changes its meaning."""

LOGICAL_TYPES = {
    "varchar": "string",
    "text": "string",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "double precision": "number",
    "numeric": "number",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
}


def tables(schema: Path) -> Iterator[Table]:
    """Yield the tables of a schema folder by name."""
    for file in sorted(schema.glob("*.sql")):
        template = Environment().from_string(file.read_text())  # noqa: S701 - SQL, not HTML
        yield dictionary.table(
            template.render(
                engine=lambda: "postgres", bytewise=lambda: "", primary_key=sql_macros.primary_key
            )
        )


def page() -> str:
    """Return docs/data-dictionary.md."""
    return "\n".join([HEAD, *map(_section, tables(SCHEMA))])


def _section(table: Table) -> str:
    key = f"\nKey: `{', '.join(table.key)}`\n" if table.key else ""
    rows = [
        f"| `{column.name}` | {column.sql_type} | {'' if column.required else 'yes'} "
        f"| {column.meaning} |"
        for column in table.columns
    ]
    head = ["| column | type | null | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {table.name}\n", f"{table.grain}\n{key}", *head, *rows, ""])


def sources() -> str:
    """Return the sources.yml of a dbt project that builds on the star."""
    source = {
        "name": "sparkify",
        "description": "Plays, users and songs of Sparkify, loaded every hour.",
        "schema": "public",
        "config": {
            "freshness": {
                "warn_after": {"count": STALE_HOURS, "period": "hour"},
                "error_after": {"count": 2 * STALE_HOURS, "period": "hour"},
            },
            # The last play would be old after a quiet night, too.
            "loaded_at_query": f"select {AS_OF_VIEW} from public.{AS_OF_VIEW}",
        },
        "tables": [_source_table(table) for table in _star()],
    }
    return _yaml({"version": 2, "sources": [source]})


def _source_table(table: Table) -> dict[str, Any]:
    unwatched = {"config": {"freshness": None}} if table.name in CATALOGUE else {}
    return {
        "name": table.name,
        "description": table.grain,
        **unwatched,
        "columns": [_source_column(column, table.key) for column in table.columns],
    }


def _source_column(column: Column, key: tuple[str, ...]) -> dict[str, Any]:
    tests = ["unique"] * (key == (column.name,)) + ["not_null"] * column.required
    described = {"name": column.name, "description": column.meaning, "data_type": column.sql_type}
    return {**described, "data_tests": tests} if tests else described


def contract() -> str:
    """Return the star's contract in the Open Data Contract Standard."""
    return _yaml(
        {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "sparkify-star",
            "name": "Sparkify: what users listen to",
            "version": VERSION,
            "status": "active",
            "description": {
                "purpose": "Who listens to what, when and where: a star schema around plays.",
                "usage": "Read the tables and views; nobody but the loads may write them.",
                "limitations": "Times are UTC. Most plays match no song of the catalogue, and keep "
                "song and artist as played.",
            },
            "servers": [
                # What is set in the environment, as docs/bi-tools.md shows, is used instead.
                {
                    "server": "warehouse",
                    "type": "postgres",
                    "host": "127.0.0.1",
                    "port": 5433,
                    "database": "sparkify",
                    "schema": "public",
                }
            ],
            "schema": [*map(_contract_table, _star()), _contract_as_of()],
            "slaProperties": [
                {
                    "property": "freshness",
                    "value": STALE_HOURS,
                    "unit": "h",
                    "element": f"{AS_OF_VIEW}.{AS_OF_VIEW}",
                }
            ],
        }
    )


def _contract_table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "logicalType": "object",
        "physicalType": "table",
        "description": table.grain,
        "properties": [_property(column, table.key) for column in table.columns],
    }


def _contract_as_of() -> dict[str, Any]:
    return {
        "name": AS_OF_VIEW,
        "logicalType": "object",
        "physicalType": "view",
        "description": dictionary.description((VIEWS / f"{AS_OF_VIEW}.sql").read_text()),
        "properties": [_property(Column(AS_OF_VIEW, "timestamp", False, "UTC"), ())],
    }


def _property(column: Column, key: tuple[str, ...]) -> dict[str, Any]:
    in_key = column.name in key
    return {
        "name": column.name,
        "logicalType": LOGICAL_TYPES[column.sql_type.partition("(")[0]],
        "physicalType": column.sql_type,
        "description": column.meaning,
        **({"required": True} if column.required else {}),
        **({"unique": True} if key == (column.name,) else {}),
        **(
            {"primaryKey": True, "primaryKeyPosition": key.index(column.name) + 1} if in_key else {}
        ),
    }


def _star() -> list[Table]:
    found = {table.name: table for table in tables(SCHEMA)}
    return [found[name] for name in TABLES]


def _yaml(document: dict[str, Any]) -> str:
    return NOTE + str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100))


WRITTEN: dict[Path, Callable[[], str]] = {
    Path("docs") / "data-dictionary.md": page,
    Path("docs") / "contract" / "sources.yml": sources,
    Path("docs") / "contract" / "sparkify.odcs.yaml": contract,
}

if __name__ == "__main__":
    for target, text in WRITTEN.items():
        target.write_text(text())
        print(f"Wrote {target}.")
