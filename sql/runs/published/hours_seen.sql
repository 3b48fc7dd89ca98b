-- What the files that the run has read hold now of each hour of theirs that was ever asked for:
-- the run's own, and those that other runs have loaded, perhaps before the files changed.
update hour_loads
set
    events_in_files = seen.events,
    content_in_files = seen.content,
    files_reading = seen.reading,
    files_read_at = seen.read_at
from (
    select
        hours.hour_start,
        coalesce(staged.events, 0) as events,
        coalesce(staged.content, 0) as content,
        -- Looked up by themselves: beside the hours they would be looked up for each of them.
        (
            select max(reading)
            from file_ledger
            where dataset = 'staging_events' and run_id = {{ quoted(run_id) }}
        ) as reading,
        (
            select max(read_at)
            from file_ledger
            where dataset = 'staging_events' and run_id = {{ quoted(run_id) }}
        ) as read_at
    from hour_loads as hours
    left join staged_hours as staged on hours.hour_start = staged.hour_start
    where {{ in_event_files("hours.hour_start") }}
) as seen
where
    hour_loads.hour_start = seen.hour_start
    -- What a newer reading has seen counts.
    and (hour_loads.files_reading is null or hour_loads.files_reading <= seen.reading)
