"""The statements by which a run keeps account of itself, step by step, in ``sql/``."""

# Tables are locked in the same order everywhere: rejected_rows, file_ledger, load_runs, hour_loads,
# readings.

BEGIN = [
    "{{ lock('load_runs') }}",
    "load_runs/forget.sql",
    "load_runs/begin.sql",
    "{{ lock('hour_loads') }}",
    "hour_loads/ask.sql",
    "hour_loads/begin.sql",
]
"""Before anything is read: a run that dies is known, and so are its hours."""

STAGED = ["rejects/still_there.sql", "load_runs/staged.sql"]
"""After staging: what was read, staged and rejected."""

PUBLISHED = [
    "{{ lock('rejected_rows') }}",
    "rejects/resolve.sql",
    "{{ lock('file_ledger') }}",
    "ledger/publish.sql",
    "{{ lock('load_runs') }}",
    "load_runs/publish.sql",
    "{{ lock('hour_loads') }}",
    "hour_loads/count_plays.sql",
    "hour_loads/count_user_events.sql",
    "hour_loads/mark_damage.sql",
    "hour_loads/staged.sql",
    "hour_loads/publish.sql",
    "hour_loads/look.sql",
    "{{ lock('readings') }}",
    "readings/publish.sql",
]
"""In the transaction that publishes the plays: what is in the warehouse now, and from what."""

ENDED = [
    "rejects/purge.sql",
    "ledger/purge.sql",
    "quality_results/purge.sql",
    "{{ lock('load_runs') }}",
    "load_runs/end.sql",
    "{{ lock('readings') }}",
    "readings/purge.sql",
]
"""At the end: what was kept for a set time goes."""
