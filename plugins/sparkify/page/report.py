"""The page as one file that needs nothing else: its script, its style, its library, its answers."""

import re
from datetime import UTC, datetime
from typing import Any

from sparkify.page.documents import as_csv, as_json, document
from sparkify.page.files import FILES
from sparkify.page.questions import AS_OF, Range, questions, rendered
from sparkify.page.warehouse import reading

SECONDS = 600.0
"""How long one answer may take: nobody is waiting in front of a page."""

# What the browser is allowed: to draw, not to fetch from anywhere, nor to send.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\">"
)
MAIN = "<main></main>"
STYLE = re.compile(r'<link rel="stylesheet" href="([\w.]+)">')
SCRIPT = re.compile(r'<script src="([\w.]+)"></script>')


def report(days: Range) -> str:
    """The report about a range of days, as HTML; all its answers are of one state of the data."""
    with reading(SECONDS) as read:
        as_of = read(AS_OF)
        answers = {}
        for name, asked in questions().items():
            sql = rendered(asked, days)
            answer = read(sql)
            answers[name] = document(asked, days, answer, as_of)
            answers[name] |= {"sql": sql, "csv": as_csv(answer)}
    written_at = datetime.now(UTC).replace(microsecond=0)
    return _page({"first": days.first, "last": days.last, "at": written_at, "answers": answers})


def _page(contents: dict[str, Any]) -> str:
    # A title may hold what would end the script.
    data = as_json(contents).replace("<", "\\u003c")
    page = FILES["index.html"].read_text()
    page = page.replace("<head>", f"<head>\n  {POLICY}")
    page = page.replace(MAIN, f"{MAIN}\n<script>window.SPARKIFY_REPORT = {data};</script>")
    page = STYLE.sub(lambda found: f"<style>\n{_text(found[1])}</style>", page)
    return SCRIPT.sub(lambda found: f"<script>\n{_text(found[1])}</script>", page)


def _text(name: str) -> str:
    return FILES[name].read_text()
