-- One row per hour of which the run has staged events of known users, with how many, copies of an
-- event included, and the version of what they say of what is loaded: a sum, so their order is none
-- of it. Made once, for what the run has loaded and for what its files hold.
create temp table staged_hours as
select
    date_trunc('hour', ts) as hour_start,
    count(*) as events,
    sum(
        {{ content(
            "ts", "userid", "sessionid", "iteminsession", "page", "level", "firstname", "lastname",
            "gender", "location", "useragent", "song", "artist", "length"
        ) }}
    ) as content
from {{ staging("staging_events") }}
where userid is not null
group by date_trunc('hour', ts)
