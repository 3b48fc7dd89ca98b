-- One row per play: a NextSong event of a known user. The id begins with the time, so that new
-- plays are added at one end of the index. Song and artist are as delivered; match_rule tells
-- how the catalogue knows the song: by this text (exact), by the repaired one (repaired), or not.
create table if not exists songplays (
    songplay_id varchar(32){{ bytewise() }} not null,
    start_time timestamp not null,
    user_id bigint not null,
    level varchar(16),
    song_id varchar(32){{ bytewise() }},
    artist_id varchar(32){{ bytewise() }},
    session_id bigint not null,
    location varchar(512),
    user_agent varchar(1024),
    item_in_session integer not null,
    song_title varchar(1024),
    artist_name varchar(1024),
    duration double precision,
    match_rule varchar(16),
    primary key (songplay_id)
)
{%- if engine() == "redshift" %}
diststyle even sortkey (start_time)
{%- else %};
create index if not exists songplays_start_time on songplays (start_time)
{%- endif %}
