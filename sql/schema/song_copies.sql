-- One row per song and file, as delivered: the catalogue's mirror, file by file.
create table if not exists song_copies (
    {{ primary_key("source_file", "song_id") }}
    source_file varchar(1024){{ bytewise() }} not null,  -- the file, within the source
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
sortkey (source_file)
{%- endif %}
