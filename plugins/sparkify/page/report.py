"""The page as a self-contained file: with its script, style, library and answers."""

import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sparkify.page.documents import as_csv, as_json, document
from sparkify.page.files import FILES
from sparkify.page.questions import AS_OF, Filters, query, questions, rendered
from sparkify.page.warehouse import reading

SECONDS = 600.0
"""How long one answer may take, since nobody is waiting for it."""

# Allows the browser to draw, but not to fetch or send anything.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\">"
)
MAIN = "<main></main>"
STYLE = re.compile(r'<link rel="stylesheet" href="([\w.]+)">')
SCRIPT = re.compile(r'<script src="([\w.]+)"></script>')


def report(filters: Filters) -> str:
    """Return the report as HTML, with answers from one state of the data."""
    with reading(SECONDS) as read:
        as_of = read(AS_OF)
        answers = {}
        for name, asked in questions().items():
            answer = read(*query(asked, filters))
            answers[name] = document(asked, filters, answer, as_of)
            answers[name] |= {"sql": rendered(asked, filters), "csv": as_csv(answer)}
    written_at = datetime.now(UTC).replace(microsecond=0)
    return _page({"filters": asdict(filters), "at": written_at, "answers": answers})


def _page(contents: dict[str, Any]) -> str:
    # A title may contain "</script>".
    data = as_json(contents).replace("<", "\\u003c")
    page = FILES["index.html"].read_text()
    page = page.replace("<head>", f"<head>\n  {POLICY}")
    page = page.replace(MAIN, f"{MAIN}\n<script>window.SPARKIFY_REPORT = {data};</script>")
    page = STYLE.sub(lambda found: f"<style>\n{_text(found[1])}</style>", page)
    return SCRIPT.sub(lambda found: f"<script>\n{_text(found[1])}</script>", page)


def _text(name: str) -> str:
    return FILES[name].read_text()
