"""An answer in the form in which the page draws it."""

from typing import Any

from sparkify.page.questions import Question
from sparkify.page.warehouse import Answer


def document(asked: Question, answer: Answer, as_of: Answer) -> dict[str, Any]:
    """The answer with what it says and what its data is as of."""
    return {
        "description": asked.description,
        "columns": answer.columns,
        "rows": answer.rows,
        "cut": answer.cut,
        "data_as_of": as_of.rows[0][0],
    }
