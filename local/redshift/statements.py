"""A statement as Redshift sees it: its verb, its tables, and its translation for PostgreSQL."""

import re
from dataclasses import dataclass, field
from functools import partial

from local.redshift.journal import SCHEMA
from local.redshift.refusals import RedshiftError, refuse

# Comments and string literals; quoted names are kept.
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
    A SQL statement.

    :param text: statement as sent by the client
    """

    text: str
    code: str = field(init=False)

    def __post_init__(self) -> None:
        code = " ".join(NO_CODE.sub(_blank, self.text).lower().split()).rstrip("; ")
        object.__setattr__(self, "code", code)

    @property
    def verb(self) -> str:
        """The first word."""
        return self.code.split(" ", 1)[0]

    @property
    def writes(self) -> str | None:
        """The table that it writes."""
        found = WRITES.match(self.code)
        return found[1] if found else None

    @property
    def reads(self) -> set[str]:
        """The tables that it may read."""
        return set(READS.findall(self.code))

    @property
    def locks(self) -> list[str]:
        """The tables of a LOCK."""
        if self.verb != "lock":
            return []
        return re.findall(r"[\w.]+", self.code.removeprefix("lock").removeprefix(" table"))

    @property
    def isolation_level(self) -> str | None:
        """The level that it sets for the database; ALTER DATABASE, r_ALTER_DATABASE.html."""
        found = re.fullmatch(
            r"alter database \w+ isolation level (snapshot|serializable)", self.code
        )
        return found[1] if found else None

    @property
    def takes_snapshot(self) -> bool:
        """Whether the statement takes the transaction's snapshot."""
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
        """Whether it is a query or contains one."""
        return self.verb in ("select", "with", "insert", "update", "delete", "merge", "create")

    @property
    def users(self) -> set[str]:
        """The users, not roles, that it grants something."""
        grantees = self.code.rpartition(" to ")[2] if self.verb == "grant" else ""
        return set(re.findall(r"(?:^|, )(?!role |group |public\b)(\w+)", grantees))

    @property
    def view(self) -> tuple[str, str] | None:
        """The name and SELECT, translated for PostgreSQL, of the view that it creates."""
        if self.verb != "create":
            return None
        text = self.for_postgres()
        found = VIEW.match(NO_CODE.sub(lambda blank: " " * len(blank[0]), text))
        return (found[1], text[found.end() :].rstrip("; \n")) if found else None

    def for_postgres(self) -> str:
        """Translate it for PostgreSQL; raise if Redshift would refuse it."""
        refuse(self.code)
        if self.verb == "lock":
            return f"lock table {', '.join(self.locks)} in access exclusive mode"
        if re.match(r"create (local )?(temp |temporary )?table\b", self.code):
            return _in_redshifts_types(_table(self.text))
        if self.code.startswith("create role"):
            return re.sub(r"\bexternalid\b.*", "", self.text, flags=re.IGNORECASE | re.DOTALL)
        if self.verb in ("grant", "revoke"):
            # PostgreSQL has one word for users, groups and roles: none.
            return re.sub(r"\b(role|group)\s+(?=\w)", "", self.text, flags=re.IGNORECASE)
        if self.code.startswith("alter table"):
            return _altered_table(self.text)
        return _in_redshifts_types(self.text)


# AVG of integers, r_AVG.html, and EXTRACT, r_EXTRACT_function.html, return integers.
OWN_FUNCTIONS = re.compile(
    r"(?P<no_code>--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\")"
    r"|(?<![.\w])(?P<avg>avg)\s*\(|\bextract\s*\(\s*'?(?P<part>\w+)'?\s+from\b",
    re.DOTALL | re.IGNORECASE,
)


def _in_redshifts_types(text: str) -> str:
    """Replace functions whose results have different types on Redshift."""
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
    r"(?P<comma>,?)\s*\b(?P<kind>primary key|unique|foreign key)\s*\([^)]*\)"
    r"(\s*references \w+\s*\([^)]*\))?"
)
COLUMN_KEY = re.compile(r"\s(primary key|unique|references \w+\s*\([^)]*\))")
TEXT = re.compile(r"\b(\w+)\s+(?:varchar|character varying|text)\b(?:\s*\((\d+)\))?")
LIKE = re.compile(r"\(\s*like\s+([\w.]+)(\s+(including|excluding) defaults)?\s*\)")

TABLE = re.compile(r"\btable\s+(?:if\s+not\s+exists\s+)?(?:\w+\.)?(\w+)")

# The forms of ALTER TABLE, r_ALTER_TABLE.html: one change a statement; a default comes with its
# column and stays, and a column that is added is null in the rows that are there.
ALTER = re.compile(
    r"alter table (?P<table>[\w.]+) (?:(?P<distribution>alter diststyle (?:all|even|auto)"
    r"|alter (?:compound )?sortkey ?\([\w, ]+\)|alter sortkey (?:auto|none))"
    r"|drop constraint \w+|rename (?:column \w+ )?to \w+|drop (?:column )?\w+|owner to \w+"
    r"|add (?:column )?(?!if )\w+ (?:double precision|character varying|[a-z]+)(?:\([\d, ]+\))?"
    r"(?P<default> default \S+)?(?P<required> not null)?)",
    re.IGNORECASE,
)

MAX_TEXT_LENGTH = 65535


def _table(text: str) -> str:
    """Translate a CREATE TABLE: keys are not enforced, and a varchar is 256 bytes by default."""
    text = NO_CODE.sub(lambda found: " " if found[0][0] != "'" else found[0], text)
    if re.search(r"\bdiststyle\s+key\b", text) and "distkey" not in text:
        raise RedshiftError("DISTSTYLE KEY requires a DISTKEY column")
    table = TABLE.search(text)
    text = KEY.sub(partial(_key, table[1] if table else ""), PHYSICAL.sub("", text))
    text = COLUMN_KEY.sub("", text)
    text = TEXT.sub(_bytes, text)
    return LIKE.sub(r"(like \1 including defaults including constraints)", text)


def _key(table: str, found: re.Match[str]) -> str:
    """Keep a primary key by its name alone, by which ALTER TABLE drops it."""
    if found["kind"] != "primary key":
        return ""
    return f"{found['comma']} constraint {table}_pkey check (true)"


def _altered_table(text: str) -> str:
    """Translate an ALTER TABLE: rows are distributed and sorted nowhere."""
    text = " ".join(
        NO_CODE.sub(lambda found: " " if found[0][0] != "'" else found[0], text).split()
    )
    found = ALTER.fullmatch(text.rstrip("; "))
    if not found:
        raise RedshiftError(f"syntax error: this form of ALTER TABLE is not supported: {text}")
    if found["required"] and not found["default"]:
        raise RedshiftError("ALTER TABLE ADD COLUMN defined as NOT NULL must have a default")
    if found["distribution"]:
        return f"alter table {found['table']} set (fillfactor = 100)"
    return TEXT.sub(_bytes, text)


def _bytes(found: re.Match[str]) -> str:
    name, length = found[1], int(found[2] or 256)
    if name == "as":
        return found[0]
    if length > MAX_TEXT_LENGTH:
        raise RedshiftError(f"character varying({length}) exceeds the maximum of {MAX_TEXT_LENGTH}")
    # The constraint's name identifies its error.
    rule = f"constraint {name}_{length}_bytes check (octet_length({name}) <= {length})"
    return f"{name} varchar({length}) {rule}"
