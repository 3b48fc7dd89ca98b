"""An answer in the forms in which it is given away: as the page draws it, and as a table."""

import csv
import io
import json
from datetime import date
from decimal import Decimal
from typing import Any

from sparkify.page.questions import Question, Range
from sparkify.page.warehouse import Answer

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"""How a text begins that a spreadsheet computes; some take the wide forms for it too."""


def document(asked: Question, days: Range, answer: Answer, as_of: Answer) -> dict[str, Any]:
    """The answer with what it says and what its data is as of."""
    return {
        "description": asked.description,
        "columns": answer.columns,
        "rows": answer.rows,
        "cut": answer.cut,
        "file": file_name(asked, days, answer),
        "data_as_of": as_of.rows[0][0],
    }


def file_name(asked: Question, days: Range, answer: Answer) -> str:
    """Name the table so that whoever keeps it sees what it is about, and whether it is all."""
    parts = [asked.name]
    if answer.cut or len(answer.rows) == asked.limit:
        parts.append(f"first-{len(answer.rows)}-rows")
    if asked.has_range:
        parts += [f"from-{days.first}"] if days.first else []
        parts += [f"to-{days.last}"] if days.last else []
    return "-".join(parts) + ".csv"


def as_json(value: Any) -> str:
    """The text of it in JSON, times in ISO form."""
    return json.dumps(value, default=_plain)


def as_csv(answer: Answer) -> str:
    """
    The rows as CSV.

    Titles come from outside: one that a spreadsheet would compute gets an apostrophe before it,
    which says that it is text.
    """
    text = io.StringIO()
    csv.writer(text).writerows([answer.columns, *(map(_cell, row) for row in answer.rows)])
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _plain(value: Any) -> Any:
    """What JSON has no word for; a sum may come as a decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"An answer holds {value!r}, which JSON cannot say.")
