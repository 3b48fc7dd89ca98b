-- Hours of music by the day (UTC) on which the songs were started: the sum of their durations, as
-- what was skipped is not recorded.
{%- from "fragments/song_days.sql" import song_days with context %}
select
    day,
    cast(sum(duration * plays) / 3600 as numeric(12, 2)) as hours
from {{ song_days(in_range("start_time")) }}
where {{ days_in_range("day") }}
group by day
order by day
