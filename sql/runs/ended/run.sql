-- The run is complete.
update load_runs
set
    ended_at = timestamp '{{ now() }}',
    failed_at = null,
    failed_task = null,
    check_seconds = {{ seconds_since("published_at") }}
where run_id = {{ quoted(run_id) }}
