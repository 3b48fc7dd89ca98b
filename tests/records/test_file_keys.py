"""The keys of files, against a plain reading of small ones; and what of large ones is sampled."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkify.records import blocks as cutting
from sparkify.records.blocks import blocks
from sparkify.records.file_keys import MOST_KEYS, SAMPLED, FileKeys, some
from sparkify.records.keys import KeyMap
from sparkify.sources.base import SourceFile
from sparkify.sources.folder import FolderSource

COLUMNS = ("ts", "userid", "level")
KINDS = {str: "text", int: "number", float: "number", bool: "true or false", dict: "object"}

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(-9, 9),
    st.sampled_from(["", "free"]),
    st.just({"a": 1}),
    st.just([1]),
)
records = st.dictionaries(st.sampled_from(["ts", "userId", "USERID", "Level", "x", "é"]), values)
broken = st.sampled_from(["", "broken", '{"ts": 1', "[1]", "7"])
texts = st.lists(
    st.one_of(records.map(json.dumps), records.map(lambda made: json.dumps(made, indent=1)), broken)
)


def keys_of(text: bytes, *, by_file: bool = True, files: int = 1) -> FileKeys:
    found = FileKeys(KeyMap(COLUMNS), by_file=by_file)
    for number in range(files):
        found.add(SourceFile(f"{number}.json", "", len(text), ""), text)
    return found


def counted(found: FileKeys) -> Counter[tuple[int, str, str | None, str]]:
    return Counter(
        {(row.sample, row.key, row.column, row.kind): row.records for row in found.rows()}
    )


def plain(
    lines: list[dict[str, Any]], sample: int = 1
) -> Counter[tuple[int, str, str | None, str]]:
    made: Counter[tuple[int, str, str | None, str]] = Counter()
    for line in lines:
        for key, value in line.items():
            column = key.lower() if key.lower() in COLUMNS else None
            kind = "null" if value in (None, "") else KINDS.get(type(value), "list")
            made[sample, key, column, kind] += 1
    return made


@given(st.lists(records, max_size=8), st.booleans())
def test_every_key_is_counted_by_kind(made: list[dict[str, Any]], is_pretty: bool) -> None:
    text = "\n".join(json.dumps(one, indent=1 if is_pretty else None) for one in made)
    assert counted(keys_of(text.encode())) == plain(made)
    assert {row.sampled for row in keys_of(text.encode()).rows()} <= {len(made)}


@given(texts)
def test_what_is_no_object_is_passed_over(lines: list[str]) -> None:
    found = list(keys_of("\n".join(lines).encode()).rows())
    assert all(0 < row.records <= row.sampled for row in found)


def test_files_of_one_record_are_one_sample() -> None:
    found = keys_of(b'{"ts": 1}', by_file=False, files=3)
    assert [(row.file.name, row.sample, row.records, row.sampled) for row in found.rows()] == [
        ("0.json", 1, 3, 3)
    ]
    assert [row.sample for row in keys_of(b'{"ts": 1}', files=3).rows()] == [1, 2, 3]


def test_data_for_keys_are_cut_off() -> None:
    text = "\n".join(json.dumps({f"key{number}": 1}) for number in range(2 * MOST_KEYS))
    assert len(list(keys_of(text.encode()).rows())) == MOST_KEYS


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("block", [40_000, cutting.BLOCK])
def test_a_large_file_is_sampled_at_both_ends(
    tmp_path: Path, block: int, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting, "BLOCK", block)
    lines = [json.dumps({"number": number, f"k{number // 1000}": 1}) for number in range(10_000)]
    text = "\n".join(lines).encode()
    (tmp_path / f"a.json{suffix}").write_bytes(gzip.compress(text) if suffix else text)
    source = FolderSource(tmp_path)
    files = list(source.list(""))
    found = FileKeys(KeyMap(COLUMNS), by_file=True)
    for _ in found.watch(blocks(source, files), files):
        pass
    numbers = [row for row in found.rows() if row.key == "number"]
    assert [row.sample for row in numbers] == [1, 2]
    # Of a compressed file, the first piece is as long as the file is stored.
    for row in numbers:
        assert SAMPLED / 26 / 2 < row.records == row.sampled < SAMPLED / 24
    last = {row.key for row in found.rows() if row.sample == 2}
    assert last == {"number", "k9"}


def test_of_many_files_some_are_sampled_and_the_last_one() -> None:
    files = [SourceFile(f"{number:04}", "", 0, "") for number in range(1000)]
    assert list(some(files[:300])) == files[:300]
    chosen = some(files)
    assert len(chosen) == 250
    assert chosen[-1] == files[-1]
    assert not some([])
