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


def existing_staging_tables(cursor: Any, datasets: Collection[str]) -> dict[str, set[str]]:
    """
    Return every run's staging tables, each with the views that depend on it.

    information_schema fails while one is dropped.
    """
    # A view depends on a table through its rule.
    cursor.execute(
        "select pg_class.relname, views.relname from pg_class "
        "inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid "
        "left join pg_depend as uses on pg_class.oid = uses.refobjid and uses.deptype = 'n' "
        "left join pg_depend as rules on uses.classid = rules.classid "
        "and uses.objid = rules.objid and rules.deptype = 'i' "
        "left join (select pg_class.oid as view_id, relname from pg_class "
        "where relkind in ('v', 'm')) as views on rules.refobjid = views.view_id "
        "where nspname = current_schema() and pg_class.relkind = 'r' "
        "and pg_class.relname like 'staging%'"
    )
    tables: dict[str, set[str]] = {}
    for name, view in cursor.fetchall():
        if name not in datasets and dataset_of(name) in datasets:
            tables.setdefault(name, set()).update([view] if view else [])
    return tables


def dataset_of(table: str) -> str:
    """Return the table that a run's own staging table is modelled on; any other is its own."""
    return re.sub(rf"_[0-9a-f]{{12}}({KEPT})?$", "", table)
