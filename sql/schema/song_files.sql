-- One row per song file, with its version in the catalogue's mirror. Without published_at, its
-- songs are on their way into the star, or the run that brought them died.
create table if not exists song_files (
    {{ primary_key("source_file") }}
    source_file varchar(1024){{ bytewise() }} not null,  -- the file, within the source
    source varchar(1024) not null,  -- URL of the source
    etag varchar(256) not null,  -- version of the file
    reading bigint not null,  -- the reading that brought this version
    songs bigint not null,  -- number of songs in it
    published_at timestamp  -- when its songs were in the star, UTC
)
{%- if engine() == "redshift" %}
sortkey (source_file)
{%- endif %}
