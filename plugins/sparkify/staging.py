"""The names of the staging tables: every run has its own."""

from hashlib import sha256


def staging_table(run_id: str, table: str) -> str:
    """A run's own copy of a staging table."""
    return f"{table}_{sha256(run_id.encode()).hexdigest()[:12]}"
