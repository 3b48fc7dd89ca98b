-- Seconds and averages keep their fraction.
-- fix: Questions and balance sheets would round their figures. Report what the warehouse says.
create temp table doctor_spells as
select
    timestamp '1999-12-31 23:00:00.250' as began,
    timestamp '1999-12-31 23:00:02' as ended,
    1 as plays
union all
select
    timestamp '1999-12-31 23:00:00.250' as began,
    timestamp '1999-12-31 23:00:02' as ended,
    2 as plays;

select
    average_seconds,
    average_plays
from (
    select
        avg({{ seconds("ended") }} - {{ seconds("began") }}) as average_seconds,
        avg(cast(plays as double precision)) as average_plays
    from doctor_spells
) as averages
where
    not (average_seconds between 1.7499 and 1.7501)
    or average_plays <> 1.5
