-- One row per day and song, names repaired: a summary of songplays for questions of what is played.
create table if not exists song_days (
    day date not null,  -- UTC
    song_title varchar(1024),  -- as played, repaired
    artist_name varchar(1024),  -- as played, repaired
    duration double precision,  -- seconds, exact
    plays integer not null  -- number of plays
)
{%- if engine() == "redshift" %}
sortkey (day)
{%- else %};
create index if not exists song_days_day on song_days (day);
-- Title and artist correlate: if assumed independent, their pairs seem too many to hash.
create statistics if not exists song_days_songs (ndistinct)
on song_title, artist_name from song_days
{%- endif %}
