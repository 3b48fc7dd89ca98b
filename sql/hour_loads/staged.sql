-- One row per hour of which the run has staged events of known users, with how many: counted once,
-- for what it has loaded and for what its files hold.
create temp table staged_hours as
select
    hour_start,
    count(*) as events
from (
    -- An event delivered twice is one event.
    select date_trunc('hour', ts) as hour_start
    from {{ staging("staging_events") }}
    where userid is not null
    group by ts, userid, sessionid, iteminsession, page
) as distinct_events
group by hour_start
