"""The names of the staging tables: every run has its own."""

from hashlib import sha256

KEPT = "_kept"
"""What is added to the name of a staging table for the one that holds a part of it for a while."""


def staging_table(run_id: str, table: str) -> str:
    """A run's own copy of a staging table."""
    return f"{table}_{sha256(run_id.encode()).hexdigest()[:12]}"
