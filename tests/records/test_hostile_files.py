"""Files that are damaged or meant to do harm: a sentence or a reject, and every line of them."""

import gzip
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from sparkify.records.blocks import blocks
from sparkify.records.columns import Column
from sparkify.records.objects import LONGEST_TEXT, UNFINISHED
from sparkify.records.reader import Batch, RecordReader
from sparkify.records.rejects import Reject
from sparkify.sources.base import SourceFile
from sparkify.staging.ledger import Reading
from sparkify.window import Window

COLUMNS = [
    Column("page", "text"),
    Column("ts", "timestamp without time zone", required=True),
    Column("userid", "bigint"),
]
LINE = b'{"page": "Home", "ts": 1541105830796, "userId": "39"}'


class Files:
    """A source of files that may change, each as long as its listing says."""

    readers = 2
    url = "memory:"

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("_", "."): content for name, content in files.items()}

    def list(self, prefix: str) -> Iterator[SourceFile]:
        for name, content in self.files.items():
            if name.startswith(prefix):
                yield SourceFile(name, f"memory:///{name}", len(content), str(hash(content)))

    def open(self, file: SourceFile) -> BinaryIO:
        return BytesIO(self.files[file.name])


def read(source: Files) -> Iterator[Batch]:
    return RecordReader(COLUMNS).batches(blocks(source, list(source.list(""))))


def account(batches: Iterator[Batch]) -> Counter[str]:
    """What became of the lines, none of which may be lost."""
    sums: Counter[str] = Counter()
    for batch in batches:
        for name in ("lines", "rows", "folded"):
            sums[name] += getattr(batch, name).total()
        sums["rejects"] += len(batch.rejects)
    assert sums["lines"] == sums["rows"] + sums["rejects"] + sums["folded"]
    return sums


def cpu(content: bytes) -> float:
    began = time.process_time()
    account(read(Files(day_json=content)))
    return time.process_time() - began


# Each once took time that grew with the square of its length.
TOILSOME = {
    "objects begun": b"{\n",
    "objects begun in objects": b'{"a":\n',
    "lists begun in objects": b'{"a": [\n',
    "long lines, each inside the one above": b'{"x": "' + b"y" * 400 + b'", "a":\n',
    "blank lines": b"\n",
    "blanks": b" \t\n",
    "lines that go on": b'"a": 1,\n',
    "blank lines in an object": b"\n" * 5_000 + b"{",
    "objects that end in the next line": b'{"a": 1,\n"b": 2\n',
    "objects side by side": b"{}",
    "strings that do not end": b'{"\n',
}


@pytest.mark.parametrize("what", TOILSOME)
def test_no_line_takes_longer_for_those_before_it(what: str) -> None:
    once = TOILSOME[what] * (10_000 // len(TOILSOME[what]))
    account(read(Files(day_json=once)))
    # Whatever else the machine does disturbs one measurement, and hardly three.
    assert any(cpu(once * 16) < 40 * cpu(once) + 0.2 for _ in range(3))


def test_objects_too_deep_in_each_other_are_rejected_line_by_line() -> None:
    deep = b'{"a":\n' * 30_000 + b"1" + b"}" * 30_000
    assert account(read(Files(day_json=LINE + b"\n" + deep + b"\n" + LINE)))["rows"] == 2
    for inner in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        line = LINE[:-1] + b', "page": ' + inner + b"}"
        sums = account(read(Files(day_json=b"\n".join([LINE, line, LINE]))))
        assert (sums["rows"], sums["rejects"]) == (2, 1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and the longest object are a fiftieth of what they are."""
    monkeypatch.setattr("sparkify.records.blocks.BLOCK", 18_000)
    monkeypatch.setattr("sparkify.records.objects.LONGEST", 84_000)


def most_memory(source: Files) -> tuple[list[Batch], int]:
    tracemalloc.start()
    try:
        return list(read(source)), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "line", [b"x" * 2_000_000, b'{"page": "' + b"x" * 2_000_000, LINE[:-1] + b" " * 2_000_000]
)
def test_a_line_of_any_length_is_one_reject_and_takes_little_memory(line: bytes) -> None:
    batches, memory = most_memory(Files(day_json=b"\n".join([LINE, line, LINE])))
    assert account(iter(batches)) == {"lines": 3, "rows": 2, "rejects": 1, "folded": 0}
    [reject] = [reject for batch in batches for reject in batch.rejects]
    assert reject.text == line[:LONGEST_TEXT].decode()
    assert reject.reason == "longer than 4 MB"
    assert memory < 1_500_000


@pytest.mark.usefixtures("small")
def test_an_object_of_endless_lines_does_not_fill_the_memory() -> None:
    batches, memory = most_memory(Files(day_json=b'{\n"a": "' + b'x",\n"a": "' * 30_000))
    sums = account(iter(batches))
    assert sums["lines"] == sums["folded"] + sums["rejects"] == 30_002
    assert sums["rejects"] < 10
    assert memory < 3_000_000


def test_every_member_of_a_compressed_file_is_read() -> None:
    members = [gzip.compress(LINE + b"\n"), gzip.compress(b""), gzip.compress(LINE[:20])]
    members += [gzip.compress(LINE[20:] + b"\nbroken"), gzip.compress(b"")] * 2
    sums = account(read(Files(day_json_gz=b"".join(members))))
    assert sums == {"lines": 4, "rows": 2, "rejects": 2, "folded": 0}


def test_a_compressed_file_that_unpacks_to_the_absurd_ends_in_a_sentence() -> None:
    bomb = gzip.compress((LINE + b"\n") * 600_000)
    assert len(bomb) < 150_000
    said = (
        r"day\.json\.gz cannot be read \(it unpacks to more than \d+ MB.*replace it by the unpacked"
    )
    with pytest.raises(AirflowFailException, match=said):
        account(read(Files(day_json_gz=bomb)))


def test_a_compressed_file_that_is_cut_is_tried_again_while_it_changes() -> None:
    whole = gzip.compress(b"\n".join([LINE] * 1000))
    with pytest.raises(AirflowFailException, match=r"cannot be read.*Fix the file"):
        account(read(Files(day_json_gz=whole[:-20])))
    source = Files(day_json_gz=whole[:-20])
    batches = RecordReader(COLUMNS).batches(blocks(source, list(source.list(""))))
    source.files["day.json.gz"] = whole[:-10]
    with pytest.raises(AirflowException, match="retries the task") as failed:
        account(batches)
    assert not isinstance(failed.value, AirflowFailException)


NOT_UTF8 = {
    "UTF-16": "\n".join([LINE.decode()] * 3).encode("utf-16"),
    "UTF-16 without a mark": "\n".join([LINE.decode()] * 3).encode("utf-16-be"),
    "Latin-1": b"\n".join([LINE, LINE.replace(b"Home", b"Caf\xe9"), LINE]),
    "a letter cut": b"\n".join([LINE, LINE.replace(b"Home", b"\xc3"), LINE]),
    "the last line cut": b"\n".join([LINE, LINE, LINE[:30]]),
    "another program's": bytes(range(256)) * 40,
}


@pytest.mark.parametrize("what", NOT_UTF8)
def test_what_is_no_utf_8_is_rejected_line_by_line(what: str) -> None:
    sums = account(read(Files(day_json=NOT_UTF8[what])))
    assert sums["rejects"] >= 1
    assert sums["rows"] == (0 if what.startswith(("UTF", "another")) else 2)


@pytest.mark.parametrize("block", [20, 100, 1000])
@pytest.mark.parametrize("end", ["", "\n", "\n  ", "\n" + LINE.decode()])
def test_only_what_ends_with_the_file_is_unfinished(
    end: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkify.records.blocks.BLOCK", block)
    batches = list(read(Files(day_json=b"\n".join([LINE, LINE[:30] + end.encode()]))))
    [reject] = [reject for batch in batches for reject in batch.rejects]
    assert reject.text == LINE[:30].decode()
    assert reject.reason.endswith(UNFINISHED) is not bool(end)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ren\udce9 \0", "Ren\\udce9 \\x00"),
        ("é" * LONGEST_TEXT, "é" * (LONGEST_TEXT // 2)),
        ("\udce9" * LONGEST_TEXT, "\\udce9" * (LONGEST_TEXT // 6)),
    ],
    ids=["spelled out", "bytes, not letters", "as it is spelled"],
)
def test_so_many_bytes_of_a_reject_are_kept(text: str, kept: str) -> None:
    file = SourceFile("day.json", "memory:///day.json", 1, "1")
    window = Window(datetime(2018, 11, 15, tzinfo=UTC), datetime(2018, 11, 16, tzinfo=UTC))
    reading = Reading(1, "run", window, "staging_events", "memory:", [file])
    [row] = reading.reject_rows([Reject(file, 1, None, "not JSON", text)])
    assert row[6] == kept
