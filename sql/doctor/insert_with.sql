-- INSERT takes a SELECT that begins with WITH, whose columns a query without rows names.
-- fix: Every table is loaded like this (operators/load.py). Do not load; report what the warehouse
--     says.
create temp table doctor_plays as
select 1 as number, cast('a' as varchar(8)) as song
where 1 = 0;

select *
from (
    -- A comment.
    with known as (
        select 1 as number, cast('a' as varchar(8)) as song
    )

    select number, song
    from known
    order by number
) as incoming
where false;

insert into doctor_plays (number, song)
-- A comment.
with known as (
    select 1 as number, cast('a' as varchar(8)) as song
)

select number, song
from known
order by number;

select count(*) as plays
from doctor_plays
having count(*) <> 1
