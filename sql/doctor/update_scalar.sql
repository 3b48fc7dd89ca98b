-- UPDATE sets a column to the result of a scalar subquery, beside others from a join by an aggregate.
-- fix: Every run records what it loaded like this (sql/runs/published/hours.sql and run.sql). Do not
--     load; report what the warehouse says.
create temp table doctor_readings as
select 1 as reading
union all
select 2 as reading;

create temp table doctor_hours as
select 1 as number, 0 as plays, 0 as reading;

update doctor_hours
set
    plays = loaded.plays,
    reading = (
        select max(reading)
        from doctor_readings
    )
from (
    select
        own.number,
        held.plays
    from (
        select max(number) as number
        from doctor_hours
        where number = 1
    ) as own
    cross join (
        select count(*) + 1 as plays
        from doctor_readings
    ) as held
) as loaded
where doctor_hours.number = loaded.number;

select plays, reading
from doctor_hours
where plays <> 3 or reading <> 2
