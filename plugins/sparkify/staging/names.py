"""The names of the staging tables, which each run has its own of."""

import re
from collections.abc import Collection
from hashlib import sha256
from typing import Any

KEPT = "_kept"
"""Suffix of the table that temporarily holds a part of a staging table."""


def staging_table(run_id: str, table: str) -> str:
    """Return the name of a run's own staging table."""
    return f"{table}_{sha256(run_id.encode()).hexdigest()[:12]}"


def existing_staging_tables(cursor: Any, datasets: Collection[str]) -> set[str]:
    """Return every run's staging tables; information_schema fails while one is dropped."""
    cursor.execute(
        "select tablename from pg_tables "
        "where schemaname = current_schema() and tablename like 'staging%'"
    )
    names = {name for (name,) in cursor.fetchall()}
    return {name for name in names.difference(datasets) if dataset_of(name) in datasets}


def dataset_of(table: str) -> str:
    """Return the table that a run's own staging table is modelled on; any other is its own."""
    return re.sub(rf"_[0-9a-f]{{12}}({KEPT})?$", "", table)
