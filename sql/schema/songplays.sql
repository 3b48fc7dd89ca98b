-- One row per play: a NextSong event of a known user. The id begins with the time, so new plays go
-- to one end of the index. Song and artist are as delivered; match_rule is how the play matched the
-- catalogue: by this text (exact), by the repaired one (repaired), or not.
create table if not exists songplays (
    {{ primary_key("songplay_id") }}
    songplay_id varchar(32){{ bytewise() }} not null,  -- time, and hash of user, session and item
    start_time timestamp not null,  -- UTC, with milliseconds
    user_id bigint not null,  -- the listener
    level varchar(16),  -- free or paid, at play time
    song_id varchar(32){{ bytewise() }},  -- the catalogue's song; null without a match
    artist_id varchar(32){{ bytewise() }},  -- that song's artist
    session_id bigint not null,  -- the user's session
    location varchar(512),  -- the user's location, from the app
    user_agent varchar(1024),  -- browser and system
    item_in_session integer not null,  -- position in the session, from 0
    song_title varchar(1024),  -- as delivered; repaired in readable_songplays
    artist_name varchar(1024),  -- as delivered; repaired in readable_songplays
    duration double precision,  -- seconds, exact
    match_rule varchar(16)  -- exact, repaired, or null without a match
)
{%- if engine() == "redshift" %}
sortkey (start_time)
{%- else %};
create index if not exists songplays_start_time on songplays (start_time);
-- Few users have more than one agent: if assumed independent, their pairs seem too many to hash.
create statistics if not exists songplays_agents (ndistinct) on user_agent, user_id from songplays;
-- Plays by hour fit in memory: without it, each moment is expected to be an hour.
create statistics if not exists songplays_hours
on (date_trunc('hour', start_time)) from songplays
{%- endif %}
