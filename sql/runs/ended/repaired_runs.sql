-- One row: how many failed runs this run makes good, itself included, and their time; and how many
-- other hours wait for a run that has failed.
select
    count(*) as runs,
    min(failed.window_start) as window_start,
    max(failed.window_end) as window_end,
    (
        select count(*)
        from hour_loads
        inner join load_runs as asked on hour_loads.asked_by = asked.run_id
        where
            asked.run_id <> {{ quoted(run_id) }}
            and asked.failed_at > coalesce(hour_loads.loaded_at, timestamp '1970-01-01')
    ) as hours_left
from load_runs as failed
inner join load_runs as own
    on
        failed.window_start >= own.window_start
        and failed.window_end <= own.window_end
        and (failed.run_id = own.run_id or failed.failed_at < own.began_at)
-- Another run has made it good before.
left join load_runs as earlier
    on
        failed.run_id <> earlier.run_id
        and own.run_id <> earlier.run_id
        and failed.window_start >= earlier.window_start
        and failed.window_end <= earlier.window_end
        and failed.failed_at < earlier.ended_at
where
    own.run_id = {{ quoted(run_id) }}
    and failed.failed_at is not null
    and earlier.run_id is null
