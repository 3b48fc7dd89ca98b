-- No hour of which the warehouse holds plays, or events of users, has none now. What newer readings
-- claim stays, whatever this run has staged.
-- quotes: hour_start, plays_loaded, events_loaded, plays_staged, events_staged
-- fix: Nothing was published, as that would empty the hour. Check sparkify_source, and
--     rejected_rows for the hour's lines that could not be loaded. If they were removed on purpose,
--     trigger a run with start, end and allow_removed.
select
    loaded.hour_start,
    loaded.plays as plays_loaded,
    loaded.events as events_loaded,
    coalesce(staged.plays, 0) as plays_staged,
    coalesce(staged.events, 0) as events_staged
from (
    select
        date_trunc('hour', user_events.event_time) as hour_start,
        count(*) as events,
        sum(case when user_events.page = 'NextSong' then 1 else 0 end) as plays
    from user_events
    left join (
        {% include "fragments/newer_claims.sql" %}
    ) as newer
        on
            user_events.event_time >= newer.claim_start
            and user_events.event_time < newer.claim_end
    where
        {{ window().touched_hours.holds("user_events.event_time") }}
        and newer.reading is null
    group by date_trunc('hour', user_events.event_time)
) as loaded
left join (
    select
        date_trunc('hour', ts) as hour_start,
        count(*) as events,
        sum(case when page = 'NextSong' then 1 else 0 end) as plays
    from {{ staging("staging_events") }}
    where
        {{ window().touched_hours.holds("ts") }}
        and userid is not null
    group by date_trunc('hour', ts)
) as staged on loaded.hour_start = staged.hour_start
where
    (
        coalesce(staged.events, 0) = 0
        or (loaded.plays > 0 and coalesce(staged.plays, 0) = 0)
    )
    and {{ unless_removal_is_allowed() }}
