import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, BinaryIO

import pytest
from airflow.sdk.exceptions import AirflowFailException
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.exceptions import PolarsError

from sparkify.records import blocks as blocks_module
from sparkify.records import objects
from sparkify.records.blocks import BYTE_ORDER_MARK as BOM
from sparkify.records.blocks import Block, blocks
from sparkify.records.columns import Column
from sparkify.records.plain import Matched, PlainLines
from sparkify.records.reader import Batch, RecordReader
from sparkify.records.rejects import FORGOTTEN, Forgotten, Reject
from sparkify.records.rows import RowReader
from sparkify.records.spans import FileSpans
from sparkify.sources.base import SourceFile
from sparkify.window import Window
from tests import record_reference as reference
from tests.support.search import budget

COLUMNS = [
    Column("artist", "character varying(12)"),
    Column("birthday", "date"),
    Column("iteminsession", "smallint"),
    Column("length", "double precision"),
    Column("page", "text"),
    Column("registration", "numeric(18,3)"),
    Column("status", "integer"),
    Column("ts", "timestamp without time zone", required=True),
    Column("useragent", "character varying(4)", required=True),
    Column("userid", "bigint"),
]
RULES = {"a play without a user": "page = 'NextSong' and userid is null"}
KEYS = [
    "artist",
    "birthday",
    "itemInSession",
    "length",
    "page",
    "registration",
    "status",
    "ts",
    "userAgent",
    "userId",
]
EXAMPLES = budget(40, "EXAMPLES")
KINDS = {
    "is not": "misfit",
    "is missing": "missing",
    "does not fit": "width",
    "is an object or a list": "nested",
    "holds a NUL": "nul",
    "a play without a user": "rule",
}


class Memory:
    """A source that is a dictionary."""

    readers = 2
    url = "memory:///"

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def list(self, prefix: str) -> Iterator[SourceFile]:
        for name, content in self.files.items():
            if name.startswith(prefix):
                yield SourceFile(name, f"memory:///{name}", len(content), "1")

    def open(self, file: SourceFile) -> BinaryIO:
        return io.BytesIO(self.files[file.name])


def batches(files: dict[str, bytes], columns: Sequence[Column] = COLUMNS) -> list[Batch]:
    source = Memory(files)
    reader = RecordReader(columns, RULES)
    return list(reader.batches(blocks(source, source.list(""))))


def as_csv(found: list[Batch]) -> str:
    return "".join(
        frame.write_csv(include_header=False) for batch in found for frame in batch.frames
    )


TEXTS = st.one_of(
    st.sampled_from(
        ["", "39", "+1", " 1", "1.5", "01", "1e3", "true", "nan", "x:null", "\0", "a\0"],
    ),
    st.sampled_from(
        [
            "ÄÖÜäöüß",
            "NextSong",
            "\\.",
            '"',
            "a,b",
            "\r",
            "\n",
            "\r\n",
            "\u2028",
            "😀",
            "[x",
            "{",
            "é",
        ],
    ),
    st.sampled_from(
        ["9" * 25, "123456789012", "1234567890123", "-1", ".5", "5.", "1_0", "\u0661", "a\\"],
    ),
    st.text(max_size=6),
).map(json.dumps)
LITERALS = st.one_of(
    TEXTS,
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-40000, 40000).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.sampled_from(
        ["null", "true", "false", "1.0", "1e3", "1E+2", "-0", "-0.0", "1e400", "-1e400", "1e-400"]
    ),
    st.sampled_from(
        ["9" * 38, "9" * 39, "9" * 45, "-" + "9" * 30, "1e22", "1.5e300", "0.1e-7", "12.50"]
    ),
    st.sampled_from(
        ["9007199254740993.0", "9.007199254740993e15", "999999999999999.999", "0e999", "1.2345"]
    ),
    st.sampled_from(
        ['"0001-01-01"', '"9999-12-31"', '"2018-02-30"', '"2018-W46-4"', '"2018-1-5"', '"0.125"']
    ),
    st.sampled_from(["-62135596800000", "-62135596800001", "9" * 309, "1e15", '"2018-11-15"']),
    st.sampled_from(["9223372036854775807", "9223372036854775808", "-9223372036854775808", "2.7"]),
    st.sampled_from(
        ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "nul", "'x'", "[", "tru"]
    ),
    st.sampled_from(
        ["[]", "{}", '[1, "a"]', '{"ts": 1}', '{"a": {"b": [null]}}', "[" * 50 + "]" * 50]
    ),
    st.sampled_from(
        ["[" * 2000 + "]" * 2000, r'"\ud800"', r'"\udc00x"', r'"\ud83d\ude00"', r'"\u0041"']
    ),
    st.sampled_from(
        ['"a\tb"', '"\x19"', r'"\u0019"', r'"\x"', "253402300799999", "253402300800000"]
    ),
)
SPELLINGS = st.sampled_from(
    [lambda key: key] * 12
    + [str.upper, str.lower, str.title, lambda key: f"\\u00{ord(key[0]):x}{key[1:]}"]
)
FOREIGN = st.sampled_from(["auth", "song", "ts ", "x:null", "Ts\u212a", "", 'a\\"artist'])
USUAL = {
    "artist": '"A"',
    "birthday": '"1999-12-31"',
    "itemInSession": "0",
    "length": "null",
    "page": '"Home"',
    "registration": "1540344794796",
    "status": "200",
    "ts": "1541105830796",
    "userAgent": '"\\"M\\""',
    "userId": '"39"',
}


@st.composite
def pair(draw: st.DrawFn) -> tuple[str, str]:
    if draw(st.integers(0, 9)) == 0:
        return draw(FOREIGN), draw(LITERALS)
    return draw(SPELLINGS)(draw(st.sampled_from(KEYS))), draw(LITERALS)


@st.composite
def sound(draw: st.DrawFn) -> str:
    """An object as an app writes it: all keys, each value such as its column takes."""
    values = USUAL | {
        "artist": draw(st.text(max_size=4).map(json.dumps) | st.just("null")),
        "length": draw(st.floats(0, 1e9).map(json.dumps) | st.just("null")),
        "userId": draw(st.sampled_from(['"39"', '""', '"8"'])),
    }
    return written(list(values.items()), draw(st.booleans()))


@st.composite
def strange(draw: st.DrawFn) -> str:
    """An object whose keys and values are anything."""
    pairs = list(USUAL.items())
    for other in draw(st.lists(pair(), max_size=6)):
        pairs.insert(draw(st.integers(0, len(pairs))), other)
    if draw(st.booleans()):
        del pairs[draw(st.integers(0, len(pairs) - 1))]
    if draw(st.integers(0, 4)) == 0:
        inner = ",\n".join(f'  "{name}": {value}' for name, value in pairs)
        return f"{{\n{inner}\n}}"
    return written(pairs, draw(st.booleans()))


def written(pairs: list[tuple[str, str]], spaced: bool) -> str:
    comma, colon = (", ", ": ") if spaced else (",", ":")
    return "{" + comma.join(f'"{name}"{colon}{value}' for name, value in pairs) + "}"


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    text = draw(sound() | strange()).encode("utf-8", "surrogatepass")
    place = draw(st.integers(0, len(text)))
    match draw(st.integers(0, 4)):
        case 0:
            return text[:place]
        case 1:
            return text[place:]
        case 2:
            return text[:place] + draw(st.binary(min_size=1, max_size=2)) + text[place:]
        case 3:
            return text[:place] + draw(st.binary(min_size=1, max_size=2)) + text[place + 1 :]
        case _:
            return text[:place] + text


@st.composite
def chunk(draw: st.DrawFn) -> bytes:
    kind = draw(st.integers(0, 11))
    if kind < 6:
        return draw(sound()).encode()
    if kind < 8:
        return draw(strange()).encode("utf-8", "surrogatepass")
    if kind == 8:
        return draw(damaged())
    if kind == 9:
        return draw(st.sampled_from([b"", b"  ", b"\t", b"\x0c", b"\xa0", b"\xff", b"\0"]))
    if kind == 10:
        return (draw(sound()) + draw(st.sampled_from(["", " ", ",", "x"])) + draw(sound())).encode()
    junk = [
        b"not json",
        b"[1]",
        b"5",
        b"null",
        b'"x"',
        b"}",
        b"]",
        b"{",
        b"[",
        b'{"a":',
        b'"a": 1,',
    ]
    return draw(st.sampled_from(junk))


@st.composite
def content(draw: st.DrawFn) -> bytes:
    mark = draw(st.sampled_from([b""] * 5 + [b"\xef\xbb\xbf"]))
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
    last = draw(st.sampled_from([b"", end]))
    chunks = draw(st.lists(chunk() | sound().map(str.encode), max_size=8))
    return mark + end.join(chunks) + last


TWO_KEYS_OF_A_NAME = b"""
{"\\u0061rtist": [], "artist": "A", "ts": 1541105830796, "userAgent": "x"}
{"artist": "A", "ARTIST": [], "ts": 1541105830796, "userAgent": "x"}
{"page": {"a": 1}, "artist": [], "page": "Home", "ts": 1541105830796, "userAgent": "x"}
{
"\\u0061rtist": "A", "artist": [], "ts": 1541105830796, "userAgent": "x"
}
"""

WHAT_ESCAPES_HIDE = b"""{"artist": "A", "ts": 1541105830796, "userAgent": "x"}
{"\\u0041rtist": "B", "ts": 1541105830796, "userAgent": "x"}
{"artist": "C\\u0000", "ts": 1541105830796, "userAgent": "x"}
{"artist": "D\\ud800", "ts": 1541105830796, "userAgent": "x"}
{"artist": "E\\ud83d\\ude00", "ts": 1541105830796, "userAgent": "x"}
"""

FILES = st.lists(content(), min_size=1, max_size=4)


def expected(contents: list[bytes]) -> tuple[Counter[Any], Counter[Any], dict[str, int]]:
    def is_play_without_user(values: dict[str, Any]) -> bool:
        return values["page"] == "NextSong" and values["userid"] is None

    rows: Counter[Any] = Counter()
    rejects: Counter[Any] = Counter()
    counts: dict[str, int] = {}
    for number, text in enumerate(contents):
        counts[str(number)] = 0
        for found in reference.read(text, COLUMNS, is_play_without_user):
            if isinstance(found, reference.Loaded):
                rows[found.values] += 1
                counts[str(number)] += 1
            else:
                rejects[(str(number), found.line, found.column, found.kind)] += 1
    return rows, rejects, counts


def typed(row: list[str]) -> tuple[Any, ...]:
    def value(column: Column, text: str) -> Any:
        if text == "":
            return None
        if column.is_text:
            return text
        if column.base_type == "double precision":
            return float(text)
        if column.base_type == "numeric":
            return Decimal(text)
        if column.base_type == "date":
            return date.fromisoformat(text)
        if column.base_type.startswith("timestamp"):
            return datetime.fromisoformat(text)
        return int(text)

    return tuple(value(column, text) for column, text in zip(COLUMNS, row, strict=True))


def kind(reject: Reject) -> str:
    if reject.column is None:
        return KINDS.get(reject.reason, "json")
    told = reject.reason.removeprefix(f"{reject.column} ")
    return next(kind for begin, kind in KINDS.items() if told.startswith(begin))


def none_likely(self: PlainLines, block: Block) -> Matched:
    """No line looks plain."""
    found = MATCH(self, block)
    return found._replace(likely=found.likely & False)


def unparsed(*_: Any) -> None:
    """No line can be parsed with the others."""
    raise PolarsError


MATCH = PlainLines.match
WAYS = pytest.mark.parametrize(
    "broken",
    [{}, {"match": none_likely}, {"_rows": unparsed}],
    ids=["as is", "record by record", "unparsed"],
)


@WAYS
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    contents=FILES,
    block=st.sampled_from([3, 7, 64, 300, 1 << 20]),
    zipped=st.booleans(),
)
@example(contents=[TWO_KEYS_OF_A_NAME], block=1 << 20, zipped=False)
@example(contents=[WHAT_ESCAPES_HIDE], block=1 << 20, zipped=False)
def test_every_record_is_loaded_or_rejected_as_plain_python_says(
    broken: dict[str, Callable[..., Any]], contents: list[bytes], block: int, zipped: bool
) -> None:
    end = ".gz" if zipped else ""
    files = {
        f"{number}{end}": gzip.compress(text, 1) if zipped else text
        for number, text in enumerate(contents)
    }
    rows, rejects, counts = expected(contents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "BLOCK", block)
        for way, nothing in broken.items():
            patch.setattr(PlainLines, way, nothing)
        found = batches(files)
    text = as_csv(found)
    assert Counter(map(typed, csv.reader(io.StringIO(text, newline="")))) == rows
    told = [reject for batch in found for reject in batch.rejects]
    assert (
        Counter((r.file.name.removesuffix(".gz"), r.line, r.column, kind(r)) for r in told)
        == rejects
    )
    counted: Counter[str] = Counter()
    for batch in found:
        for file, count in batch.rows.items():
            counted[file.name.removesuffix(".gz")] += count
    assert dict(counted) == counts
    for number, content in enumerate(contents):
        name = f"{number}{end}"
        filled = [text for text in content.removeprefix(BOM).split(b"\n") if text.strip(b" \t\r")]
        lines, folded, kept = (
            sum(
                count for batch in found for file, count in sums(batch).items() if file.name == name
            )
            for sums in (attrgetter("lines"), attrgetter("folded"), attrgetter("rows"))
        )
        assert lines == len(filled)
        assert lines == kept + folded + sum(reject.file.name == name for reject in told)


def loaded(*lines: str) -> list[dict[str, Any]]:
    found = batches({"day.json": "\n".join(lines).encode()})
    assert not [reject for batch in found for reject in batch.rejects]
    return [row for batch in found for frame in batch.frames for row in frame.to_dicts()]


NUMBERS = ["1.0", "1e3", "-0", "-0.0", "12.50", "1E+2", "311", "0.1e-7", "9007199254740993.0"]
NUMBERS += ["9223372036854775807", "9223372036854775808", "123456789012345678901"]


@pytest.mark.parametrize("beside", [[], ["{"]], ids=["as is", "beside damage"])
def test_a_number_in_a_text_column_stays_as_it_is_written(beside: list[str]) -> None:
    lines = [written(list((USUAL | {"page": text}).items()), False) for text in NUMBERS]
    usual = written(list(USUAL.items()), False)
    found = batches({"day.json": "\n".join([usual, *lines, *beside]).encode()})
    pages = [row["page"] for batch in found for frame in batch.frames for row in frame.to_dicts()]
    assert sorted(pages) == sorted(["Home", *NUMBERS])


@pytest.mark.parametrize("quoted", [True, False])
def test_a_whole_number_is_itself_or_rejected_but_never_another(quoted: bool) -> None:
    ids = ["9007199254740993.0", "9007199254740993", "9.007199254740993e15", "39.0", "39"]
    usual = USUAL | ({} if quoted else {"userId": "39"})
    lines = [written(list((usual | {"userId": text}).items()), False) for text in ids]
    rows = loaded(written(list(usual.items()), False), *lines)
    assert sorted(row["userid"] for row in rows) == [39] * 3 + [9007199254740993] * 3


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**20])
@pytest.mark.parametrize("usual", ['"39"', "39"])
def test_a_whole_number_that_does_not_fit_is_rejected_and_not_null(number: int, usual: str) -> None:
    ids = [usual, str(number), str(2**63 - 1)]
    lines = [written(list((USUAL | {"userId": text}).items()), False) for text in ids]
    found = batches({"day.json": "\n".join(lines).encode()})
    [rejected] = [reject for batch in found for reject in batch.rejects]
    assert rejected.reason == f"userid is not a whole number of eight bytes: '{number}'"
    users = {user for batch in found for frame in batch.frames for user in frame["userid"]}
    assert users == {39, 2**63 - 1}


def test_the_rest_of_a_line_that_is_too_long_is_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = written(list(USUAL.items()), False)
    monkeypatch.setattr(blocks_module, "BLOCK", len(usual) + 1)
    monkeypatch.setattr(objects, "LONGEST", len(usual))
    junk = "x" * (len(usual) + 1)
    found = batches({"day.json": f"{junk}{usual}\n{usual}".encode()})
    assert [reject.text for batch in found for reject in batch.rejects] == [junk]
    assert sum(batch.rows.total() for batch in found) == 1


def test_a_last_line_that_is_too_long_ends_with_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = written(list(USUAL.items()), False)
    monkeypatch.setattr(blocks_module, "BLOCK", 3)
    monkeypatch.setattr(objects, "LONGEST", len(usual))
    junk = "{" + "x" * (3 * len(usual) - 1)
    found = batches({"1.json": junk.encode(), "2.json": f"{usual}\n{usual}".encode()})
    assert sum(batch.rows.total() for batch in found) == 2


@pytest.mark.parametrize("between", [",", " ", "x"])
def test_two_objects_on_a_line_are_not_parsed_as_one(between: str) -> None:
    usual = written(list(USUAL.items()), False)
    found = batches({"day.json": f"{usual}\n{usual}{between}{usual}\n{usual}".encode()})
    rows = sum(batch.rows.total() for batch in found)
    rejects = [reject.line for batch in found for reject in batch.rejects]
    assert (rows, rejects) == ((4, []) if between == " " else (3, [2]))


def test_lines_without_a_required_key_are_rejected_though_none_has_it() -> None:
    pairs = [(key, value) for key, value in USUAL.items() if key != "userAgent"]
    found = batches({"day.json": "\n".join([written(pairs, False)] * 2).encode()})
    rejects = [(reject.line, reject.reason) for batch in found for reject in batch.rejects]
    assert rejects == [(1, "useragent is missing"), (2, "useragent is missing")]
    assert not sum(batch.rows.total() for batch in found)


def test_a_line_that_is_no_text_is_rejected_where_no_column_is_required() -> None:
    usual = written(list(USUAL.items()), False).encode()
    columns = [replace(column, required=False) for column in COLUMNS]
    found = batches({"day.json": b"\n".join([usual, usual.replace(b"Home", b"\xff")])}, columns)
    assert [reject.line for batch in found for reject in batch.rejects] == [2]
    assert sum(batch.rows.total() for batch in found) == 1


def test_lines_are_read_in_one_go_where_a_text_looks_like_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RowReader, "read", None)
    usual = written(list((USUAL | {"artist": '"311"', "userId": f'"{2**62}"'}).items()), False)
    assert loaded(usual, usual)[1] | {"birthday": 0, "ts": 0} == {
        "artist": "311",
        "birthday": 0,
        "iteminsession": 0,
        "length": None,
        "page": "Home",
        "registration": Decimal("1540344794796.000"),
        "status": 200,
        "ts": 0,
        "useragent": '"M"',
        "userid": 2**62,
    }


def test_the_first_and_the_last_year_are_loaded_and_those_beyond_are_not() -> None:
    moments = ["-62135596800000", "253402300799999"]
    lines = [written(list((USUAL | {"ts": moment}).items()), False) for moment in moments]
    assert [row["ts"] for row in loaded(*lines)] == [
        datetime(1, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999000),
    ]


def test_a_type_that_no_value_is_read_into_is_named() -> None:
    with pytest.raises(AirflowFailException, match=r"The column place .* of type point.*numeric"):
        batches({"day.json": b"{}"}, [Column("place", "point")])


@WAYS
@pytest.mark.parametrize("block", [3, 64, 300, 1 << 20])
@pytest.mark.parametrize("in_order", [True, False])
def test_a_row_that_its_file_may_not_hold_is_rejected_whichever_way_it_is_read(
    broken: dict[str, Callable[..., Any]], block: int, in_order: bool
) -> None:
    first = datetime(2018, 11, 1, tzinfo=UTC)
    days = [first + number * timedelta(days=1) for number in range(3)]
    files, spans = {}, {}
    strays: Counter[tuple[str, int]] = Counter()
    for number, day in enumerate(days):
        # The first moment, the last, and those next to them that are none of the day's.
        moments = [-1, 0, 1, 86_399_999, 86_400_000] if number else [0, 1, 86_399_999]
        lines = [
            written(
                list((USUAL | {"ts": f"{round(day.timestamp() * 1000) + moment}"}).items()), False
            )
            for moment in (moments if in_order else moments[::-1])
        ]
        files[f"{number}"] = "\n".join([*lines, "broken", ""] if number == 2 else lines).encode()
        strays.update({(f"{number}", line): 1 for line in ((1, 5) if number else ())})
    source = Memory(files)
    for file, day in zip(source.list(""), days, strict=True):
        spans[file] = Window(day, day + timedelta(days=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "BLOCK", block)
        for way, nothing in broken.items():
            patch.setattr(PlainLines, way, nothing)
        reader = RecordReader(COLUMNS, RULES, FileSpans("ts", spans))
        found = list(reader.batches(blocks(source, source.list(""))))
    rejects = [reject for batch in found for reject in batch.rejects]
    told = Counter((reject.file.name, reject.line) for reject in rejects if reject.moment)
    assert told == strays
    assert [reject.line for reject in rejects if not reject.moment] == [6]
    assert sum(batch.rows.total() for batch in found) == 9
    kept = Counter(
        row["ts"] for batch in found for frame in batch.frames for row in frame.to_dicts()
    )
    assert all(first.replace(tzinfo=None) <= ts for ts in kept)
    assert kept.total() == 9


KEPT = [
    '{"userId": "11"}',
    '{"USERID": 11, "song": null}',
    '{"userId": "-11"}',
    '{"userId": " 11 ", "song": "a \\"userId\\": \\"10\\""}',
]
DROPPED = [
    "",
    "no JSON",
    '{"firstName": "Ada"}',
    '{"firstName": "Ada", {"userId": "11"}',
    '{"userId": "11"} {"firstName": "Ada"}',
    '{"userId": "11"} Ada',
    '[{"userId": "11"}]',
    '{"userId": "11", "userid": "10"}',
    '{"userId": "11", "\\u0075serId": "10"}',
    '{"userId": "11", "session": [{"userId": "10"}]}',
    '{"firstName": "Ada", "userId": null}',
    '{"firstName": "Ada", "userId": ""}',
    '{"firstName": "Ada", "userId": " "}',
    '{"userId": "Ada"}',
    '{"userId": {"id": 11}}',
    '{"userId": 11.0}',
    '{"userId": true}',
    '{"a":' * 100_000,
]


@pytest.mark.parametrize("text", KEPT + DROPPED)
def test_only_a_text_of_one_object_of_one_user_is_kept(text: str) -> None:
    is_kept = text in KEPT
    found = Forgotten("userid", frozenset({10})).redacted("ts is not a time: 'Ada'", text)
    assert found == (("ts is not a time: 'Ada'", text) if is_kept else ("ts is not a time", ""))
    assert Forgotten("userid").redacted("a reason", text) == ("a reason", text)


@pytest.mark.parametrize(
    "text", ['{"userId": "10"}', '{"user": 1, "userid": 10}', '{"userId": "-5"}', '{"userid": -5}']
)
def test_a_record_of_a_forgotten_user_is_only_counted(text: str) -> None:
    forgotten = Forgotten("userid", frozenset({10, -5}))
    assert forgotten.redacted("ts is not a time: 'Ada'", text) == (FORGOTTEN, "")
