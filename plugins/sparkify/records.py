"""Blocks of JSON lines become rows ready for COPY; what cannot be loaded is named, not dropped."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
import polars as pl
from polars.exceptions import PolarsError

from sparkify.blocks import Block, Segment
from sparkify.columns import Column
from sparkify.objects import Broken, Found, Unfinished, objects
from sparkify.source import SourceFile

SHOWN = 80
"""Characters of a bad value that its reason repeats."""


@dataclass(frozen=True)
class Reject:
    """A record that cannot be loaded: where it stands, and why."""

    file: SourceFile
    line: int
    column: str | None
    reason: str
    text: str


@dataclass
class Batch:
    """What a block held: rows as CSV, their number by file, and the rejects."""

    csv: bytes = b""
    rows: Counter[SourceFile] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)


class RecordReader:
    """
    Reads blocks into the columns of one staging table.

    A sound block is parsed in one go. One that has a fault is read again line by line, so that
    each fault is known by file, line, column and value, and all else still loads.

    :param columns: the staging table's columns; a JSON key fills the column of its name, whatever
        its case
    :param rules: reason to predicate (SQL over the columns): rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str] | None = None) -> None:
        self.columns = columns
        self.rules = {reason: pl.sql_expr(predicate) for reason, predicate in (rules or {}).items()}
        self._keys: dict[str, str] = {}
        self._as_text: set[str] = set()
        self._unfinished: Segment | None = None

    def batches(self, blocks: Iterable[Block]) -> Iterator[Batch]:
        """Each block's rows and rejects, in order."""
        for block in blocks:
            yield self._sound_batch(block) or self._faulty_batch(block)

    def _sound_batch(self, block: Block) -> Batch | None:
        """The rows of a block without any fault; None when it has one."""
        rows: Counter[SourceFile] = Counter()
        for segment in block:
            rows[segment.file] += _line_count(segment.lines)
        if self._unfinished or not rows.total():
            return None
        text = b"".join(_whole_lines(segment.lines) for segment in block)
        self._learn_from(text)
        try:
            frame = self._parse(text)
        except PolarsError:
            return None
        if frame is None or frame.height != rows.total():
            return None
        if frame.select(pl.any_horizontal(fault.any() for fault, *_ in self._faults())).item():
            return None
        csv = self._csv(frame)
        # In CSV a NUL can only come from a value: PostgreSQL's text holds none.
        return None if b"\0" in csv else Batch(csv, rows)

    def _learn_from(self, text: bytes) -> None:
        """How the first record spells its keys, and which numbers it writes as text."""
        try:
            first = orjson.loads(text[: text.index(b"\n")])
        except orjson.JSONDecodeError:
            return
        if isinstance(first, dict):
            self._keys.update({key.lower(): key for key in first})
            self._as_text.update(
                key.lower() for key, value in first.items() if isinstance(value, str)
            )

    def _parse(self, text: bytes) -> pl.DataFrame | None:
        """The typed columns of JSON lines; None when a key is spelled in two ways."""
        overrides = {
            self._keys[column.name]: self._read_as(column)
            for column in self.columns
            if column.name in self._keys
        }
        frame = pl.read_ndjson(text, schema_overrides=overrides)
        names = {column.name for column in self.columns}
        if any(key not in overrides and key.lower() in names for key in frame.columns):
            return None
        return frame.select(self._typed(column, frame) for column in self.columns)

    def _read_as(self, column: Column) -> type[pl.DataType]:
        return pl.String if column.name in self._as_text else column.type.parsed

    def _typed(self, column: Column, frame: pl.DataFrame) -> pl.Expr:
        key = self._keys.get(column.name)
        if key not in frame.columns:
            return pl.lit(None, column.type.parsed).alias(column.name)
        value = pl.col(key).alias(column.name)
        if column.is_text or column.name not in self._as_text:
            return value
        return column.typed(value, strict=True)

    def _faults(self) -> list[tuple[pl.Expr, str | None, str]]:
        """What may be wrong in a parsed row: a predicate, its column and the reason."""
        found = [
            (fault.fill_null(False), column.name, reason)
            for column in self.columns
            for fault, reason in column.misfits()
        ]
        return found + [
            (rule.fill_null(False), None, reason) for reason, rule in self.rules.items()
        ]

    def _csv(self, frame: pl.DataFrame) -> bytes:
        return (
            frame.select(column.landed() for column in self.columns)
            .write_csv(include_header=False)
            .encode()
        )

    def _faulty_batch(self, block: Block) -> Batch:
        """The rows of a block that has a fault somewhere, and its rejects."""
        batch = Batch()
        found: list[tuple[SourceFile, Found]] = []
        for segment in block:
            batch.rows[segment.file] += 0
            for item in self._objects(segment):
                if isinstance(item, Found):
                    found.append((segment.file, item))
                else:
                    batch.rejects.append(
                        Reject(segment.file, item.line, None, item.reason, item.text)
                    )
        if found:
            self._keep_sound(found, batch)
        return batch

    def _objects(self, segment: Segment) -> Iterator[Found | Broken]:
        """The objects of a segment, the one that its predecessor could not finish included."""
        lines, first = segment.lines, segment.first_line
        if self._unfinished:
            lines, first = self._unfinished.lines + lines, self._unfinished.first_line
            self._unfinished = None
        # Bytes that are no UTF-8 survive as surrogates, and are refused with their object.
        text = lines.decode("utf-8", "surrogateescape")
        for item in objects(text, first, ends=segment.ends):
            if isinstance(item, Unfinished):
                rest = item.text.encode("utf-8", "surrogateescape")
                self._unfinished = Segment(segment.file, item.line, rest, segment.ends)
            else:
                yield item

    def _keep_sound(self, found: Sequence[tuple[SourceFile, Found]], batch: Batch) -> None:
        values = self._as_frame([item for _, item in found])
        typed = values.select(
            pl.col(column.name)
            if column.is_text
            else column.typed(pl.col(column.name), strict=False)
            for column in self.columns
        )
        rejected: set[int] = set()
        for row, column, reason in self._reasons(values, typed):
            if row not in rejected:
                rejected.add(row)
                file, item = found[row]
                batch.rejects.append(Reject(file, item.line, column, reason, item.text))
        sound = [row for row in range(len(found)) if row not in rejected]
        batch.csv = self._csv(typed[sound]) if sound else b""
        batch.rows.update(found[row][0] for row in sound)

    def _as_frame(self, found: Sequence[Found]) -> pl.DataFrame:
        """Every value as text, under its column's name, however its key is spelled."""
        names = {column.name for column in self.columns}
        fields = (
            {name: value for key, value in item.fields.items() if (name := key.lower()) in names}
            for item in found
        )
        text = b"\n".join(map(orjson.dumps, fields))
        return pl.read_ndjson(text, schema={column.name: pl.String for column in self.columns})

    def _reasons(
        self, values: pl.DataFrame, typed: pl.DataFrame
    ) -> Iterator[tuple[int, str | None, str]]:
        """Each fault of each row: the row, the column and what is wrong there."""
        for column in self.columns:
            value = values[column.name]
            if column.is_text:
                bad = value.str.contains("\0", literal=True)
                reason = "holds a NUL character"
            else:
                bad = typed[column.name].is_null() & value.is_not_null() & (value != "")
                reason = f"is not {column.type.meaning}"
            for row in bad.fill_null(False).arg_true():
                yield row, column.name, _reason(column.name, value[row], reason)
        for fault, name, reason in self._faults():
            for row in typed.select(fault).to_series().arg_true():
                yield row, name, _reason(name, values[name][row], reason) if name else reason


def _reason(column: str, value: str | None, reason: str) -> str:
    if not value:
        return f"{column} {reason}"
    shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}… ({len(value.encode())} bytes)"
    return f"{column} {reason}: {shown!r}".replace("\\x00", "\\u0000")


def _line_count(lines: bytes) -> int:
    return lines.count(b"\n") + (not lines.endswith(b"\n") if lines else 0)


def _whole_lines(lines: bytes) -> bytes:
    return lines if lines.endswith(b"\n") or not lines else lines + b"\n"
