-- DELETE removes the rows that two other tables do not refer to.
-- fix: Dimensions lose their orphans like this (sql/prune). Do not load; report what the warehouse
--     says.
create temp table doctor_artists as
select cast('a' as varchar(8)) as artist
union all
select cast('b' as varchar(8)) as artist
union all
select cast('c' as varchar(8)) as artist;

create temp table doctor_songs as
select cast('a' as varchar(8)) as artist;

create temp table doctor_mirror as
select cast('b' as varchar(8)) as artist;

delete from doctor_artists
where
    not exists (
        select 1
        from doctor_songs
        where doctor_songs.artist = doctor_artists.artist
    )
    and not exists (
        select 1
        from doctor_mirror
        where doctor_mirror.artist = doctor_artists.artist
    );

select count(*) as artists_left
from doctor_artists
having count(*) <> 2
