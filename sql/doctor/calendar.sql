-- Weeks are ISO weeks, a week begins on Sunday as day 0, and an interval may be a fraction.
-- fix: The table time, and which hours a claim covers, would be wrong. Do not load; report what the
--     warehouse says.
create temp table doctor_times as
select timestamp '1999-01-03 10:00:00.000001' as moment;

select week, weekday, next_hour
from (
    select
        cast(extract(week from moment) as smallint) as week,
        cast(extract(dow from moment) as smallint) as weekday,
        date_trunc('hour', moment + interval '59 minutes 59.999999 seconds') as next_hour
    from doctor_times
) as parts
where
    week <> 53
    or weekday <> 0
    or next_hour <> timestamp '1999-01-03 11:00:00'
