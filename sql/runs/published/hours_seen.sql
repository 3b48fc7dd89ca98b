-- What the run's files now hold of each of their hours that was ever requested: the run's own, and
-- those loaded by others, perhaps from older files. If the run continued a reading, it has staged
-- only what that one had not of the hours before its own.
update hour_loads
set
    events_in_files = seen.events,
    content_in_files = seen.content,
    files_reading = seen.reading,
    files_read_at = seen.read_at
from (
    select
        hours.hour_start,
        coalesce(continued.events, 0) + coalesce(staged.events, 0) as events,
        coalesce(continued.content, 0) + coalesce(staged.content, 0) as content,
        -- Scalar subqueries, as a join would look them up for each hour.
        (
            {% include "fragments/own_reading.sql" %}
        ) as reading,
        (
            select max(read_at)
            from file_ledger
            where dataset = 'staging_events' and run_id = {{ quoted(run_id) }}
        ) as read_at
    from hour_loads as hours
    left join staged_hours as staged on hours.hour_start = staged.hour_start
    left join (
        select
            before.hour_start,
            before.events,
            before.content
        from continued_hours as before
        inner join file_ledger as own on before.reading = own.reading
        where own.dataset = 'staging_events' and own.run_id = {{ quoted(run_id) }}
    ) as continued on hours.hour_start = continued.hour_start
    where
        {{ in_event_files("hours.hour_start") }}
        -- Of an hour requested since the continued reading nothing is known, but by its own run.
        and (
            hours.hour_start >= {{ literal(window().touched_hours.start) }}
            or continued.hour_start is not null
            or not exists (
                select 1
                from file_ledger as own
                where
                    own.dataset = 'staging_events'
                    and own.run_id = {{ quoted(run_id) }}
                    and own.continued_count is not null
            )
        )
    {% if in_split_hours("ts") %}
    union all
    {% include "fragments/late_events.sql" %}
    {% endif %}
) as seen
where
    hour_loads.hour_start = seen.hour_start
    -- What a newer reading saw stays.
    and (hour_loads.files_reading is null or hour_loads.files_reading <= seen.reading)
