"""``make dictionary``: generate docs/data-dictionary.md from the comments in ``sql/schema``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment

from local.tools import sql_macros

TARGET = Path("docs") / "data-dictionary.md"
HEAD = """\
# The tables

Written by `make dictionary` from the comments in [sql/schema](../sql/schema): change it there.
Types are PostgreSQL's; Redshift has the same, with `varchar(65535)` for `text`. A length is
in bytes on both.
"""

_COLUMN = re.compile(
    r"^ {4}(?P<name>\w+) (?P<type>(?!key)\w+(?: \w+)*?(?:\([\d,]+\))?)"
    r"(?P<required> not null)?,?(?: +-- (?P<meaning>.*))?$",
    re.MULTILINE,
)
_TABLE = re.compile(r"\A(?P<comment>(?:--.*\n)+)create table if not exists (?P<name>\w+)")
_KEY = re.compile(r"primary key \((.*)\)")


@dataclass(frozen=True)
class Column:
    """A column of the schema."""

    name: str
    sql_type: str
    required: bool
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table: its grain, key and columns."""

    name: str
    grain: str
    key: str
    columns: tuple[Column, ...]


def tables(schema: Path) -> Iterator[Table]:
    """Yield the tables of a schema folder by name; view files have none."""
    for file in sorted(schema.glob("*.sql")):
        text = _rendered(file)
        if table := _TABLE.match(text):
            key = _KEY.search(text)
            yield Table(
                table["name"],
                re.sub(r"^-- ?", "", table["comment"], flags=re.MULTILINE).strip(),
                key[1] if key else "",
                tuple(
                    Column(
                        found["name"],
                        found["type"],
                        bool(found["required"]),
                        found["meaning"] or "",
                    )
                    for found in _COLUMN.finditer(text)
                ),
            )


def _rendered(file: Path) -> str:
    template = Environment().from_string(file.read_text())  # noqa: S701 - SQL, not HTML
    return template.render(
        engine=lambda: "postgres", bytewise=lambda: "", primary_key=sql_macros.primary_key
    )


def dictionary(schema: Path) -> str:
    """Return the page."""
    return "\n".join([HEAD, *map(_section, tables(schema))])


def _section(table: Table) -> str:
    key = f"\nKey: `{table.key}`\n" if table.key else ""
    rows = [
        f"| `{column.name}` | {column.sql_type} | {'' if column.required else 'yes'} "
        f"| {column.meaning} |"
        for column in table.columns
    ]
    head = ["| column | type | null | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {table.name}\n", f"{table.grain}\n{key}", *head, *rows, ""])


if __name__ == "__main__":
    TARGET.write_text(dictionary(Path("sql") / "schema"))
    print(f"Wrote {TARGET}.")
