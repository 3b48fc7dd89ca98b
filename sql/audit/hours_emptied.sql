-- No hour of which the warehouse holds plays, or events of users, is left without them.
-- What an hour has outside the window stays, as does what newer readings claim.
-- quotes: hour_start, plays_loaded, events_loaded, plays_remaining, events_remaining
-- fix: Nothing was published, as that would empty the hour. Check sparkify_source, and
--     rejected_rows for the hour's lines that could not be loaded. If they were removed on purpose,
--     trigger a run with start, end and allow_removed.
select
    loaded.hour_start,
    loaded.plays as plays_loaded,
    loaded.events as events_loaded,
    loaded.plays_outside + coalesce(staged.plays, 0) as plays_remaining,
    loaded.events_outside + coalesce(staged.events, 0) as events_remaining
from (
    select
        date_trunc('hour', user_events.event_time) as hour_start,
        count(*) as events,
        sum(
            case when {{ window().holds("user_events.event_time") }} then 0 else 1 end
        ) as events_outside,
        sum(case when user_events.page = 'NextSong' then 1 else 0 end) as plays,
        sum(
            case
                when {{ window().holds("user_events.event_time") }} then 0
                when user_events.page = 'NextSong' then 1
                else 0
            end
        ) as plays_outside
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
        {{ window().holds("ts") }}
        and userid is not null
    group by date_trunc('hour', ts)
) as staged on loaded.hour_start = staged.hour_start
where
    (
        loaded.events_outside + coalesce(staged.events, 0) = 0
        or (loaded.plays > 0 and loaded.plays_outside + coalesce(staged.plays, 0) = 0)
    )
    and {{ unless_removal_is_allowed() }}
