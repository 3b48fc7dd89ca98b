-- One row per event of a known user in the run's window.
with copies as (
    -- An event delivered twice counts once.
    select
        ts,
        userid,
        sessionid,
        iteminsession,
        page,
        level,
        firstname,
        lastname,
        gender,
        row_number() over (
            partition by ts, userid, sessionid, iteminsession, page
            order by level, firstname, lastname, gender
        ) as copy
    from {{ staging("staging_events") }}
    where
        {{ window().holds("ts") }}
        and userid is not null
)

select
    ts as event_time,
    userid as user_id,
    sessionid as session_id,
    iteminsession as item_in_session,
    page,
    level,
    firstname as first_name,
    lastname as last_name,
    gender
from copies
where copy = 1
order by ts
