"""The names of the staging tables, which each run has its own of."""

import re
from hashlib import sha256

KEPT = "_kept"
"""Suffix of the table that temporarily holds a part of a staging table."""


def staging_table(run_id: str, table: str) -> str:
    """Return the name of a run's own staging table."""
    return f"{table}_{sha256(run_id.encode()).hexdigest()[:12]}"


def dataset_of(table: str) -> str:
    """Return the table that a run's own staging table is modelled on; any other is its own."""
    return re.sub(rf"_[0-9a-f]{{12}}({KEPT})?$", "", table)
