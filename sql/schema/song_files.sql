-- One row per song file, and the version of it that the catalogue's mirror holds. Without a
-- published_at its songs are on their way into the star, or the run that brought them has died.
create table if not exists song_files (
    source_file varchar(1024){{ bytewise() }} not null,
    source varchar(1024) not null,
    etag varchar(256) not null,
    reading bigint not null,  -- the reading that this version comes from
    songs bigint not null,  -- how many songs it holds
    published_at timestamp,
    primary key (source_file)
)
{%- if engine() == "redshift" %}
diststyle all sortkey (source_file)
{%- endif %}
