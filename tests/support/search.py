"""How long the tests search where they search at random."""

import os

SEARCH = float(os.environ.get("SPARKIFY_SEARCH", "1"))
"""How many times as long as by default, which finds what is plainly broken."""


def budget(cases: int, variable: str = "") -> int:
    """A number of cases: so many by default, or what a variable of the search's own says."""
    return int(os.environ.get(variable, max(1, round(cases * SEARCH))))
