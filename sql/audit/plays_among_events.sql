-- Of a hundred events of users or more in the run's window, some are plays.
-- severity: warn
-- quotes: events_staged
-- fix: A play is an event whose page is NextSong. See whether the app now calls it otherwise, or
--     whether its events go elsewhere; once the files are right, load their time again.
select count(*) as events_staged
from {{ staging("staging_events") }}
where
    {{ window().holds("ts") }}
    and userid is not null
having
    count(*) >= 100
    and sum(case when page = 'NextSong' then 1 else 0 end) = 0
