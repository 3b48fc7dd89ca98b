-- One row per song as delivered: the catalogue's mirror, the source of songs and artists. Each run
-- reads new and changed files into its own copy of this table.
create table if not exists staging_songs (
    {{ primary_key("song_id") }}
    num_songs integer,  -- as delivered
    artist_id varchar(32){{ bytewise() }} not null,  -- the song's artist
    artist_latitude double precision,  -- degrees north
    artist_longitude double precision,  -- degrees east
    artist_location varchar(1024),  -- the artist's place
    artist_name varchar(1024),  -- as credited on this song
    song_id varchar(32){{ bytewise() }} not null,  -- the catalogue's song
    title varchar(1024),  -- of the song
    duration double precision,  -- seconds, exact
    year integer  -- of release; 0 if unknown
)
{%- if engine() == "redshift" %}
sortkey (song_id)
{%- else %};
create index if not exists staging_songs_artist_id on staging_songs (artist_id)
{%- endif %}
