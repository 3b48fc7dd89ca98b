"""Which keys the records of files have, and of which kind their values are, by samples."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from sparkify.records.blocks import Block, Segment
from sparkify.records.keys import KeyMap
from sparkify.records.objects import Found, ObjectReader
from sparkify.sources.base import SourceFile

SAMPLED = 16 << 10
"""How many bytes of a file's beginning, and as many of its end, are sampled."""

MOST_FILES = 300
"""How many files of a reading are sampled."""

MOST_KEYS = 200
"""How many keys of a sample are kept: a source with more has data for keys."""

NO_VALUE = "null"
"""The kind of a value that fills no column: null, or an empty text."""

KINDS = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    type(None): NO_VALUE,
    dict: "object",
    list: "list",
}


class KeyRow(NamedTuple):
    """A key's values of one kind in a sample: how many of the sampled records have them."""

    file: SourceFile
    sample: int
    key: str
    column: str | None
    kind: str
    records: int
    sampled: int


class Shape(NamedTuple):
    """The keys of a record, and the kinds of their values."""

    keys: tuple[str, ...]
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Shape":
        """Return the shape of a record, which most records of a file share."""
        kinds = [NO_VALUE if value == "" else KINDS[type(value)] for value in fields.values()]
        return cls(tuple(fields), tuple(kinds))


@dataclass
class Sample:
    """Some records, counted by shape, each with the first file that has it."""

    shapes: Counter[Shape] = field(default_factory=Counter)
    files: dict[Shape, SourceFile] = field(default_factory=dict)

    def add(self, file: SourceFile, fields: dict[str, Any]) -> None:
        """Count one record."""
        shape = Shape.of(fields)
        self.shapes[shape] += 1
        self.files.setdefault(shape, file)

    def rows(self, number: int, keys: KeyMap) -> Iterator[KeyRow]:
        """Yield the keys by kind of value, in the order in which they occur."""
        counts: Counter[tuple[str, str]] = Counter()
        files: dict[tuple[str, str], SourceFile] = {}
        for shape, records in self.shapes.items():
            for entry in zip(*shape, strict=True):
                counts[entry] += records
                files.setdefault(entry, self.files[shape])
        sampled = self.shapes.total()
        for (key, kind), records in islice(counts.items(), MOST_KEYS):
            file = files[key, kind]
            yield KeyRow(file, number, key, keys.column(key), kind, records, sampled)


def some(files: Sequence[SourceFile]) -> Sequence[SourceFile]:
    """Return the files to sample: all, or evenly spaced ones up to the last."""
    every = -(-len(files) // MOST_FILES) or 1
    return files[::-1][::every][::-1]


class FileKeys:
    """
    The keys of files, in samples of their beginning and end.

    :param keys: says which key fills which column
    :param by_file: whether each file has samples of its own; otherwise all files are one sample, as
        of songs, since a file holds a single one
    """

    def __init__(self, keys: KeyMap, *, by_file: bool) -> None:
        self._keys = keys
        self._by_file = by_file
        self._samples: list[Sample] = []
        self._file: SourceFile | None = None
        self._end = b""

    def watch(self, blocks: Iterable[Block], files: Sequence[SourceFile]) -> Iterator[Block]:
        """Yield the blocks of files, in order, after sampling some of the files."""
        chosen = set(some(files))
        for block in blocks:
            for segment in block:
                if segment.file in chosen:
                    self._sample(segment)
            yield block

    def _sample(self, segment: Segment) -> None:
        text = segment.lines
        if segment.file != self._file:
            self._file, self._end = segment.file, b""
            if segment.is_last and len(text) <= 2 * SAMPLED:
                self.add(segment.file, text)
                return
            self.add(segment.file, text[:SAMPLED], is_cut=True)
        # The last segment alone may hold less than a record.
        self._end = (self._end + text[-SAMPLED:])[-SAMPLED:]
        if segment.is_last:
            self.add(segment.file, self._end.partition(b"\n")[2])

    def add(self, file: SourceFile, text: bytes, *, is_cut: bool = False) -> None:
        """
        Sample a part of a file.

        :param is_cut: whether its last record goes on after the part
        """
        if self._by_file or not self._samples:
            self._samples.append(Sample())
        for found in ObjectReader().objects(text, is_last=not is_cut):
            if isinstance(found, Found):
                self._samples[-1].add(file, found.fields)

    def rows(self) -> Iterator[KeyRow]:
        """Yield what the samples hold, which are numbered in the order of the files."""
        for number, sample in enumerate(self._samples, start=1):
            yield from sample.rows(number, self._keys)
