"""Globs in which ``*`` stays inside one folder and ``**`` does not."""

import re


def literal_prefix(pattern: str) -> str:
    """What every name that the glob matches begins with."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def glob_expression(pattern: str) -> str:
    """The regular expression of a glob; it needs ``re.DOTALL``, as names may hold line ends."""
    written = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(written.get(part) or re.escape(part) for part in parts)
