"""Rows that are inserted with few statements, none of which is too large for Redshift."""

from typing import Any

import pytest

from sparkify.warehouse import MAX_BYTES, MAX_PARAMETERS, REDSHIFT, insert_rows


class Recorder:
    """A cursor that keeps the parameters of each statement."""

    def __init__(self) -> None:
        self.sent: list[list[Any]] = []

    def execute(self, statement: str, parameters: list[Any]) -> None:
        assert statement.count("%s") == len(parameters)
        self.sent.append(parameters)


@pytest.mark.parametrize("text", ["x" * 60_000, "é" * 30_000, "x"])
def test_a_statement_is_bounded_by_parameters_and_bytes(text: str) -> None:
    rows = [(number, text) for number in range(20_000 if len(text) == 1 else 500)]
    cursor = Recorder()
    insert_rows(REDSHIFT, cursor, "t", "id, body", rows)
    assert [value for sent in cursor.sent for value in sent] == [v for row in rows for v in row]
    for sent in cursor.sent:
        assert len(sent) <= MAX_PARAMETERS
        assert sum(len(str(value).encode()) for value in sent) <= MAX_BYTES
    assert len(cursor.sent) == (2 if len(text) == 1 else 4)


def test_without_rows_nothing_is_sent() -> None:
    cursor = Recorder()
    insert_rows(REDSHIFT, cursor, "t", "id, body", [])
    assert cursor.sent == []
