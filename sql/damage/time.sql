-- One row per hour whose starts differ from those of its plays.
with starts as (
    select start_time
    from songplays
    where {{ in_range("start_time") }}
    group by start_time
),

derived as (
    select
        start_time,
        cast(extract(hour from start_time) as smallint) as hour,
        cast(extract(day from start_time) as smallint) as day,
        cast(extract(week from start_time) as smallint) as week,
        cast(extract(month from start_time) as smallint) as month,
        cast(extract(year from start_time) as smallint) as year,
        cast(extract(dow from start_time) as smallint) as weekday
    from starts
),

compared as (
    select
        date_trunc('hour', start_time) as hour_start,
        1 as held,
        0 as expected,
        {{ row_version("time") }} as version
    from time
    where {{ in_range("start_time") }}
    union all
    select
        date_trunc('hour', start_time) as hour_start,
        0 as held,
        1 as expected,
        -{{ row_version("time") }} as version
    from derived
)

select hour_start, sum(held) as held, sum(expected) as expected
from compared
group by hour_start
having sum(held) <> sum(expected) or sum(version) <> 0
