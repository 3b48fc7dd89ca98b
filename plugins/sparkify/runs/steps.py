"""The statements of a run's bookkeeping, step by step."""

# Tables are always locked in this order: rejected_rows, file_ledger, load_runs, hour_loads,
# readings.

BEGIN = [
    "{{ lock('load_runs') }}",
    "runs/begin/previous_try.sql",
    "runs/begin/run.sql",
    "{{ lock('hour_loads') }}",
    "runs/begin/hours_asked.sql",
    "runs/begin/hours.sql",
]
"""Before anything is read, so that a run that dies is known, and its hours are too."""

STAGED = ["runs/staged/rejects.sql", "runs/staged/figures.sql", "runs/staged/run.sql"]
"""After staging: record what was read, staged and rejected."""

PUBLISHED = [
    "{{ lock('rejected_rows') }}",
    "runs/published/rejects.sql",
    "{{ lock('file_ledger') }}",
    "runs/published/ledger.sql",
    "{{ lock('load_runs') }}",
    "runs/published/figures.sql",
    "runs/published/run.sql",
    "{{ lock('hour_loads') }}",
    "runs/published/hour_plays.sql",
    "runs/published/hour_user_events.sql",
    "runs/published/hours_damaged.sql",
    "runs/published/hours_staged.sql",
    "runs/published/hours.sql",
    "runs/published/hours_seen.sql",
    "{{ lock('readings') }}",
    "runs/published/readings.sql",
]
"""In the transaction that publishes the plays: record what is published, and from which files."""

ENDED = [
    "runs/ended/rejects.sql",
    "runs/ended/ledger.sql",
    "runs/ended/quality_results.sql",
    "{{ lock('load_runs') }}",
    "runs/ended/run.sql",
    "{{ lock('readings') }}",
    "runs/ended/readings.sql",
]
"""At the end: delete what has been kept long enough."""
