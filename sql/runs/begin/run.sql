-- The run, recorded before it does anything, in case it dies.
insert into load_runs (run_id, window_start, window_end, began_at)
select
    {{ quoted(run_id) }} as run_id,
    {{ literal(window().start) }} as window_start,
    {{ literal(window().end) }} as window_end,
    timestamp '{{ now() }}' as began_at
where
    not exists (
        select 1
        from load_runs
        where run_id = {{ quoted(run_id) }}
    )
