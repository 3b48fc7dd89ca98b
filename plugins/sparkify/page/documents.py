"""The formats of an answer: JSON for the page, and CSV."""

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

from sparkify.page.questions import Filters, Question
from sparkify.page.warehouse import Answer

UNSAFE = re.compile(r"[^A-Za-z0-9]+")
"""What a header or the name of a file may not contain."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"""The first characters of text that a spreadsheet evaluates; some accept the wide forms too."""


def document(asked: Question, filters: Filters, answer: Answer, as_of: Answer) -> dict[str, Any]:
    """Return an answer with its description and the time of its data."""
    return {
        "description": asked.description,
        "unfiltered": filters.listeners != Filters() and not asked.is_filtered(filters.listeners),
        "columns": answer.columns,
        "rows": answer.rows,
        "cut": answer.cut,
        "file": file_name(asked, filters, answer),
        "data_as_of": as_of.rows[0][0],
    }


def file_name(asked: Question, filters: Filters, answer: Answer) -> str:
    """Name the CSV file after the question, its filters and whether it is complete."""
    parts = [asked.name]
    if answer.cut or len(answer.rows) == asked.limit:
        parts.append(f"first-{len(answer.rows)}-rows")
    if asked.is_filtered(filters.days):
        parts += [f"from-{filters.first}"] if filters.first else []
        parts += [f"to-{filters.last}"] if filters.last else []
    if asked.is_filtered(filters.listeners):
        parts += [filters.level] if filters.level else []
        parts += [UNSAFE.sub("-", filters.place)] if filters.place else []
    return "-".join(parts) + ".csv"


def as_json(value: Any) -> str:
    """Encode as JSON, with times in ISO format."""
    return json.dumps(value, default=_plain)


def as_csv(answer: Answer) -> str:
    """
    Encode the rows as CSV.

    Titles are untrusted: text that a spreadsheet would evaluate is prefixed with an apostrophe,
    which marks it as text.
    """
    text = io.StringIO()
    csv.writer(text).writerows([answer.columns, *(map(_cell, row) for row in answer.rows)])
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _plain(value: Any) -> Any:
    """Convert types that JSON lacks; a sum may be a decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"An answer contains {value!r}, which cannot be encoded as JSON.")
