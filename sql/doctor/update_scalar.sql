-- UPDATE sets a column to the result of a scalar subquery, beside others from a join.
-- fix: Every run records what it loaded like this (sql/runs/published/hours.sql). Do not load;
--     report what the warehouse says.
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
    select number, 3 as plays
    from doctor_hours
) as loaded
where doctor_hours.number = loaded.number;

select plays, reading
from doctor_hours
where plays <> 3 or reading <> 2
