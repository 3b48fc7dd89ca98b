-- What the run's files now hold of each of their hours that was ever requested: the run's own, and
-- those loaded by others, perhaps from older files.
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
        -- Scalar subqueries, as a join would look them up for each hour.
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
    -- What a newer reading saw stays.
    and (hour_loads.files_reading is null or hour_loads.files_reading <= seen.reading)
