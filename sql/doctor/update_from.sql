-- UPDATE … FROM writes the figures of a subquery that is joined by a column of the target.
-- fix: Every run records its figures like this (sql/runs/published). Do not load; report what the
--     warehouse says.
create temp table doctor_hours as
select 1 as number, 0 as plays
union all
select 2 as number, 9 as plays;

create temp table doctor_plays as
select 1 as number, cast('a' as varchar(8)) as song
union all
select 1 as number, cast('b' as varchar(8)) as song;

update doctor_hours
set plays = counted.plays
from (
    select
        touched.number,
        coalesce(held.plays, 0) as plays
    from doctor_hours as touched
    left join (
        select number, count(*) as plays
        from doctor_plays
        group by number
    ) as held on touched.number = held.number
) as counted
where
    doctor_hours.number = counted.number
    and doctor_hours.plays <> counted.plays;

select number, plays
from doctor_hours
where plays <> case when number = 1 then 2 else 0 end
