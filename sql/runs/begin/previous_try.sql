-- A repeated run starts a new balance sheet; that it failed is known until it succeeds.
update load_runs
set
    window_start = {{ literal(window().start) }},
    window_end = {{ literal(window().end) }},
    objects = null,
    missing = null,
    bytes = null,
    lines = null,
    folded = null,
    forgotten = null,
    erased = null,
    staged = null,
    rejected = null,
    plays_staged = null,
    plays_duplicate = null,
    plays_published = null,
    plays_matched = null,
    plays_left = null,
    began_at = timestamp '{{ now() }}',
    staged_at = null,
    published_at = null,
    ended_at = null,
    stage_seconds = null,
    load_seconds = null,
    check_seconds = null
where run_id = {{ quoted(run_id) }}
