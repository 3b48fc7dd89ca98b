-- What the files that the run has read hold now of each hour of theirs that was ever asked for:
-- the run's own, and those that other runs have loaded, perhaps before more events came.
update hour_loads
set
    events_in_files = seen.events,
    files_read_at = seen.read_at
from (
    select
        hours.hour_start,
        read_now.read_at,
        coalesce(staged.events, 0) as events
    from hour_loads as hours
    cross join (
        select max(read_at) as read_at
        from file_ledger
        where
            dataset = 'staging_events'
            and run_id = {{ quoted(run_id) }}
    ) as read_now
    left join staged_hours as staged on hours.hour_start = staged.hour_start
    where {{ in_event_files("hours.hour_start") }}
) as seen
where
    hour_loads.hour_start = seen.hour_start
    -- What another run has seen later counts.
    and (hour_loads.files_read_at is null or hour_loads.files_read_at <= seen.read_at)
