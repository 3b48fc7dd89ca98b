-- One row per day and song as people read it, with how often it was played: a summary of
-- songplays, for whoever asks what is listened to.
create table if not exists song_days (
    day date not null,
    song_title varchar(1024),
    artist_name varchar(1024),
    duration double precision,
    plays integer not null
)
{%- if engine() == "redshift" %}
diststyle even sortkey (day)
{%- else %};
create index if not exists song_days_day on song_days (day);
-- Title and artist go together: taken for independent, their pairs would be too many to hash.
create statistics if not exists song_days_songs (ndistinct)
on song_title, artist_name from song_days
{%- endif %}
