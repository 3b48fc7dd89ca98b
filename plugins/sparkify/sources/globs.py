"""Globs in which ``*`` matches within a folder and ``**`` across folders."""

import re


def literal_prefix(pattern: str) -> str:
    """Return the prefix of every name that the glob matches."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def glob_expression(pattern: str) -> str:
    """Convert a glob to a regular expression for ``re.DOTALL``: names may contain newlines."""
    written = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(written.get(part) or re.escape(part) for part in parts)
