"""The statements of a run's bookkeeping, step by step."""

BOOKKEEPING = (
    *("file_keys", "file_ledger", "hour_loads", "key_changes", "load_runs"),
    *("quality_results", "readings", "rejected_rows"),
)
"""The tables that these statements change, in the order in which they are locked."""

BEGIN = [
    "runs/begin/previous_try.sql",
    "runs/begin/run.sql",
    "runs/begin/hours_asked.sql",
    "runs/begin/hours.sql",
]
"""Before anything is read, so that a run that dies is known, and its hours are too."""

STAGED = ["runs/staged/rejects.sql", "runs/staged/run.sql"]
"""After the audit, whether it has passed or not: record what was read, staged and rejected."""

AUDITED = ["runs/audited/reading.sql", "runs/audited/key_changes.sql"]
"""After the audit has passed, before anything is loaded: claim the window, record new keys."""

PUBLISHED = [
    "runs/published/rejects.sql",
    "runs/published/ledger.sql",
    "runs/published/run.sql",
    "runs/published/hour_rows.sql",
    "runs/published/hours_damaged.sql",
    "runs/published/hours_staged.sql",
    "runs/published/hours.sql",
    "runs/published/hours_seen.sql",
    "runs/published/readings.sql",
]
"""In the transaction that publishes the plays: record what is published, and from which files."""

ENDED = ["runs/ended/run.sql"]
"""At the end."""

EXPIRED = [
    "runs/expired/file_keys_replaced.sql",
    "runs/expired/file_keys.sql",
    "runs/expired/rejects.sql",
    "runs/expired/ledger.sql",
    "runs/expired/quality_results.sql",
    "runs/expired/readings.sql",
    "runs/expired/continued_hours.sql",
    "runs/expired/file_ends.sql",
]
"""At the end of a run in whose window a day begins: delete what has been kept long enough."""
