-- One row per loaded hour of which this run has read only some of the files, and whose events in
-- these have become more since: what its files now hold at least.
select
    loaded.hour_start,
    loaded.events_loaded + late.events as events,
    loaded.content_loaded + late.content as content,
    loaded.files_reading as reading,
    loaded.files_read_at as read_at
from hour_loads as loaded
inner join (
    select
        date_trunc('hour', staged.ts) as hour_start,
        count(*) as events,
        sum(staged.content) as content
    from (
        select
            ts,
            userid,
            sessionid,
            iteminsession,
            page,
            {% include "fragments/event_content.sql" %} as content
        from {{ staging("staging_events") }}
        where
            ({{ in_split_hours("ts") }})
            and userid is not null
    ) as staged
    left join user_events as known
        on
            staged.ts = known.event_time
            and staged.userid = known.user_id
            and coalesce(staged.sessionid, -1) = coalesce(known.session_id, -1)
            and coalesce(staged.iteminsession, -1) = coalesce(known.item_in_session, -1)
            and coalesce(staged.page, '') = coalesce(known.page, '')
    where known.event_time is null
    group by date_trunc('hour', staged.ts)
) as late on loaded.hour_start = late.hour_start
where
    loaded.loaded_by is not null
    -- What a newer reading has loaded it knows.
    and loaded.loaded_reading <= ({% include "fragments/own_reading.sql" %})
