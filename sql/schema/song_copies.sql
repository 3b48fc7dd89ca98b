-- One row per song and file, as delivered: the catalogue's mirror, file by file.
create table if not exists song_copies (
    {{ primary_key("source_file", "song_id") }}
    source_file varchar(1024){{ bytewise() }} not null,
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
sortkey (source_file)
{%- endif %}
