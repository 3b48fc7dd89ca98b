-- One row per song as delivered: the catalogue's mirror, the source of songs and artists. Each run
-- reads new and changed files into its own copy of this table.
create table if not exists staging_songs (
    {{ primary_key("song_id") }}
    num_songs integer,
    artist_id varchar(32){{ bytewise() }} not null,
    artist_latitude double precision,
    artist_longitude double precision,
    artist_location varchar(1024),
    artist_name varchar(1024),
    song_id varchar(32){{ bytewise() }} not null,
    title varchar(1024),
    duration double precision,
    year integer
)
{%- if engine() == "redshift" %}
sortkey (song_id)
{%- else %};
create index if not exists staging_songs_artist_id on staging_songs (artist_id)
{%- endif %}
