-- The version of a table, a sum of hashes, changes with any value, but not with the order of rows.
-- fix: Runs and airflow sparkify audit find changed rows by it. Do not load; report what the
--     warehouse says.
create temp table doctor_plays as
select 1 as number, cast('a' as varchar(8)) as song, cast(null as varchar(8)) as artist
union all
select 2 as number, cast('b' as varchar(8)) as song, cast(null as varchar(8)) as artist;

create temp table doctor_moved as
select number, artist as song, song as artist
from doctor_plays;

select
    ascending.version as ascending_version,
    descending.version as descending_version,
    moved.version as moved_version
from (
    select sum({{ content("number", "song", "artist") }}) as version
    from (
        select number, song, artist
        from doctor_plays
        order by number
    ) as plays
) as ascending
cross join (
    select sum({{ content("number", "song", "artist") }}) as version
    from (
        select number, song, artist
        from doctor_plays
        order by number desc
    ) as plays
) as descending
cross join (
    select sum({{ content("number", "song", "artist") }}) as version
    from doctor_moved
) as moved
where
    ascending.version <> descending.version
    or ascending.version = moved.version
