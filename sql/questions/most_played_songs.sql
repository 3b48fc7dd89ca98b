-- The songs played most, as played: with or without a match in the catalogue.
select
    song_title as title,
    artist_name as artist,
    count(*) as plays
from readable_songplays
group by song_title, artist_name
order by plays desc, title asc, artist asc
limit 10
