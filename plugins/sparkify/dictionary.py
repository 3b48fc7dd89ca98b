"""Descriptions of tables, columns and views: the comments in their SQL files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = re.compile(r"(?:--.*\n)+")
_TABLE = re.compile(r"create table if not exists (\w+)")
_COLUMN = re.compile(
    r"^ {4}(?P<name>\w+) (?P<type>(?!key)\w+(?: \w+)*?(?:\([\d, ]+\))?)"
    r"(?: collate \"C\")?(?P<required> not null)?,?(?: +-- (?P<meaning>.*))?$",
    re.MULTILINE,
)
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
    """
    A table of the schema.

    :param grain: what a row is
    :param key: the columns of its primary key, where it is declared
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]


def description(sql: str) -> str:
    """Return the comment that a file begins with, as one paragraph."""
    head = _HEAD.match(sql)
    lines = head[0].splitlines() if head else []
    return " ".join(line.removeprefix("--").strip() for line in lines if "noqa:" not in line)


def table(sql: str) -> Table:
    """Read a file of ``sql/schema``, rendered for either engine."""
    name = _TABLE.search(sql)
    if not name:
        raise ValueError(f"This creates no table:\n{sql}")
    key = _KEY.search(sql)
    return Table(name[1], description(sql), _names(key[1]) if key else (), tuple(_columns(sql)))


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(","))


def _columns(sql: str) -> Iterator[Column]:
    for found in _COLUMN.finditer(sql):
        meaning = found["meaning"] or ""
        yield Column(found["name"], found["type"], bool(found["required"]), meaning)
