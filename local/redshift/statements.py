"""A statement as Redshift understands it: what it is, what it touches, what PostgreSQL is told."""

import re
from dataclasses import dataclass, field

from local.redshift.journal import SCHEMA
from local.redshift.refusals import Refused, refuse

# Comments and texts, in which nothing is code; quoted names are left as they are.
NO_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)

NAME = r'"?([a-z_]\w*)"?'
WRITES = re.compile(
    rf"^(?:insert into|update|delete from|copy|truncate(?: table)?|drop table(?: if exists)?"
    rf"|alter table|merge into) (?:public\.)?{NAME}"
)
VIEW = re.compile(r"\s*create\s+(?:or\s+replace\s+)?view\s+([\w.\"]+)\s+as\b", re.IGNORECASE)
READS = re.compile(rf"\b(?:from|join|using|update|,) (?:public\.)?{NAME}")


@dataclass(frozen=True)
class Statement:
    """
    One statement.

    :param text: as the client sent it
    """

    text: str
    code: str = field(init=False)

    def __post_init__(self) -> None:
        code = " ".join(NO_CODE.sub(_blank, self.text).lower().split()).rstrip("; ")
        object.__setattr__(self, "code", code)

    @property
    def verb(self) -> str:
        """Its first word."""
        return self.code.split(" ", 1)[0]

    @property
    def writes(self) -> str | None:
        """The table that it changes."""
        found = WRITES.match(self.code)
        return found[1] if found else None

    @property
    def reads(self) -> set[str]:
        """What may be the tables that it reads."""
        return set(READS.findall(self.code))

    @property
    def locks(self) -> list[str]:
        """The tables of a LOCK."""
        if self.verb != "lock":
            return []
        return re.findall(r"\w+", self.code.removeprefix("lock").removeprefix(" table"))

    @property
    def takes_snapshot(self) -> bool:
        """Whether a transaction sees, from this statement on, only what was committed before it."""
        return self.verb not in (
            "begin",
            "start",
            "commit",
            "end",
            "rollback",
            "abort",
            "lock",
            "set",
        )

    @property
    def is_planned(self) -> bool:
        """Whether it is, or holds, a query."""
        return self.verb in ("select", "with", "insert", "update", "delete", "merge", "create")

    @property
    def view(self) -> tuple[str, str] | None:
        """Name and SELECT of the view that it creates, as PostgreSQL is told it."""
        text = self.for_postgres()
        found = VIEW.match(NO_CODE.sub(lambda blank: " " * len(blank[0]), text))
        return (found[1], text[found.end() :].rstrip("; \n")) if found else None

    def for_postgres(self) -> str:
        """What PostgreSQL is told; raises where Redshift would refuse."""
        refuse(self.code)
        if self.verb == "lock":
            return f"lock table {', '.join(self.locks)} in access exclusive mode"
        if re.match(r"create (local )?(temp |temporary )?table\b", self.code):
            return _in_redshifts_types(_table(self.text))
        return _in_redshifts_types(self.text)


# AVG, r_AVG.html, and EXTRACT, r_EXTRACT_function.html, of whole numbers are whole numbers.
OWN_FUNCTIONS = re.compile(
    r"(?P<no_code>--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\")"
    r"|(?<![.\w])(?P<avg>avg)\s*\(|\bextract\s*\(\s*'?(?P<part>\w+)'?\s+from\b",
    re.DOTALL | re.IGNORECASE,
)


def _in_redshifts_types(text: str) -> str:
    """The text with the functions whose results have other types on Redshift."""
    return OWN_FUNCTIONS.sub(_own_function, text)


def _own_function(found: re.Match[str]) -> str:
    if found["avg"]:
        return f"{SCHEMA}.avg("
    return f"{SCHEMA}.date_part('{found['part']}'," if found["part"] else found[0]


def _blank(found: re.Match[str]) -> str:
    return "''" if found[0].startswith("'") else " "


PHYSICAL = re.compile(
    r"\b(diststyle\s+(even|all|auto|key)|distkey(\s*\(\s*\w+\s*\))?"
    r"|(compound\s+|interleaved\s+)?sortkey\s*(\([\w\s,]+\)|auto)|encode\s+(auto|az64|lzo|zstd|raw))"
)
KEY = re.compile(
    r",?\s*\b(primary key|unique|foreign key)\s*\([^)]*\)(\s*references \w+\s*\([^)]*\))?"
)
COLUMN_KEY = re.compile(r"\s(primary key|unique|references \w+\s*\([^)]*\))")
TEXT = re.compile(r"\b(\w+)\s+(?:varchar|character varying|text)\b(?:\s*\((\d+)\))?")
LIKE = re.compile(r"\(\s*like\s+([\w.]+)(\s+(including|excluding) defaults)?\s*\)")

LONGEST_TEXT = 65535


def _table(text: str) -> str:
    """A CREATE TABLE: keys are not enforced, and a text's length is in bytes, by default 256."""
    text = NO_CODE.sub(lambda found: " " if found[0][0] != "'" else found[0], text)
    if re.search(r"\bdiststyle\s+key\b", text) and "distkey" not in text:
        raise Refused("DISTSTYLE KEY requires a DISTKEY column")
    text = KEY.sub("", PHYSICAL.sub("", text))
    text = COLUMN_KEY.sub("", text)
    text = TEXT.sub(_bytes, text)
    return LIKE.sub(r"(like \1 including defaults including constraints)", text)


def _bytes(found: re.Match[str]) -> str:
    name, length = found[1], int(found[2] or 256)
    if name == "as":
        return found[0]
    if length > LONGEST_TEXT:
        raise Refused(f"character varying({length}) is too long; the most is {LONGEST_TEXT}")
    # The constraint's name is what its error is known by.
    rule = f"constraint {name}_{length}_bytes check (octet_length({name}) <= {length})"
    return f"{name} varchar({length}) {rule}"
