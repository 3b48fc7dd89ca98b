-- One row per hour with plays or events of forgotten users: what they add to its figures in
-- hour_loads.
create temp table erased_hours as
select
    hour_start,
    sum(plays) as plays,
    sum(plays_version) as plays_version,
    sum(user_events) as user_events,
    sum(user_events_version) as user_events_version,
    sum(content) as content
from (
    select
        date_trunc('hour', start_time) as hour_start,
        1 as plays,
        {{ row_version("songplays") }} as plays_version,
        0 as user_events,
        0 as user_events_version,
        0 as content
    from songplays
    where user_id in (select forgotten_users.user_id from forgotten_users)
    union all
    select
        date_trunc('hour', event_time) as hour_start,
        0 as plays,
        0 as plays_version,
        1 as user_events,
        {{ row_version("user_events") }} as user_events_version,
        0 as content
    from user_events
    where user_id in (select forgotten_users.user_id from forgotten_users)
    union all
    select
        date_trunc('hour', ts) as hour_start,
        0 as plays,
        0 as plays_version,
        0 as user_events,
        0 as user_events_version,
        {% include "fragments/event_content.sql" %} as content
    from (
        -- The events as they were staged.
        select
            user_events.event_time as ts,
            user_events.user_id as userid,
            user_events.session_id as sessionid,
            user_events.item_in_session as iteminsession,
            user_events.page,
            user_events.level,
            user_events.first_name as firstname,
            user_events.last_name as lastname,
            user_events.gender,
            songplays.location,
            songplays.user_agent as useragent,
            songplays.song_title as song,
            songplays.artist_name as artist,
            songplays.duration as length
        from user_events
        left join songplays
            on
                user_events.event_time = songplays.start_time
                and user_events.user_id = songplays.user_id
                and user_events.session_id = songplays.session_id
                and user_events.item_in_session = songplays.item_in_session
        where user_events.user_id in (select forgotten_users.user_id from forgotten_users)
    ) as as_staged
) as held
group by hour_start
