-- INSERT takes columns by name from a subquery that begins with WITH.
-- fix: Every table is loaded like this (operators/load.py). Do not load; report what the warehouse
--     says.
create temp table doctor_plays as
select 1 as number, cast('a' as varchar(8)) as song
where 1 = 0;

insert into doctor_plays (number, song)
select number, song
from (
    -- A comment.
    with known as (
        select 1 as number, cast('a' as varchar(8)) as song
    )

    select song, number
    from known
    order by number
) as incoming;

select count(*) as plays
from doctor_plays
having count(*) <> 1
