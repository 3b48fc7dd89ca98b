"""An answer in the form in which the page draws it."""

from decimal import Decimal
from typing import Any

from sparkify.page.questions import Question
from sparkify.page.warehouse import Answer


def document(asked: Question, answer: Answer, as_of: Answer) -> dict[str, Any]:
    """The answer with what it says and what its data is as of."""
    return {
        "description": asked.description,
        "columns": answer.columns,
        "rows": [[_plain(value) for value in row] for row in answer.rows],
        "cut": answer.cut,
        "data_as_of": as_of.rows[0][0],
    }


def _plain(value: Any) -> Any:
    """A sum may come as a decimal, which JSON would have as text."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)
