-- One row per song of the catalogue, with the artist as credited on it.
create table if not exists songs (
    {{ primary_key("song_id") }}
    song_id varchar(32){{ bytewise() }} not null,  -- the catalogue's song
    title varchar(1024),  -- of the song
    artist_id varchar(32){{ bytewise() }} not null,  -- the song's artist
    year integer,  -- of release; null if unknown
    duration double precision,  -- seconds, exact
    artist_name varchar(1024)  -- as credited on this song
)
{%- if engine() == "redshift" %}
sortkey (song_id)
{%- else %};
create index if not exists songs_title on songs (title);
create index if not exists songs_artist_id on songs (artist_id)
{%- endif %}
