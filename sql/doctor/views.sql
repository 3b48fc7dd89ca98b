-- A view is replaced by one with the same columns, one of them a scalar subquery.
-- fix: The questions are such views, which loads do not need (sparkify_schema creates them). Report
--     what the warehouse says.
create table {{ scratch("loads") }} (number integer);

create table {{ scratch("plays") }} (number integer, song varchar(8));

create or replace view {{ scratch("answer") }} as
select
    answers.*,
    (select max(loads.number) from {{ scratch("loads") }} as loads) as data_as_of
from (
    select song, count(*) as plays
    from {{ scratch("plays") }}
    group by song
    order by plays desc, song asc
) as answers;

create or replace view {{ scratch("answer") }} as
select
    answers.*,
    (select max(loads.number) from {{ scratch("loads") }} as loads) as data_as_of
from (
    select song, count(*) as plays
    from {{ scratch("plays") }}
    where song is not null
    group by song
    order by plays desc, song asc
) as answers;

select song, plays, data_as_of
from {{ scratch("answer") }}
