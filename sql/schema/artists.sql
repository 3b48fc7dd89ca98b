-- One row per artist id of the catalogue, with name and place from the song it was taken from.
create table if not exists artists (
    {{ primary_key("artist_id") }}
    artist_id varchar(32){{ bytewise() }} not null,  -- the catalogue's artist
    name varchar(1024),  -- as credited on that song
    location varchar(1024),  -- the artist's place; null if unknown
    latitude double precision,  -- degrees north
    longitude double precision,  -- degrees east
    taken_from_song_id varchar(32){{ bytewise() }} not null  -- the song with these values
)
{%- if engine() == "redshift" %}
sortkey (artist_id)
{%- endif %}
