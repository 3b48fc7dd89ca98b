create or replace view fact_songplays as
select
    songplay_id,
    start_time,
    user_id,
    level,
    song_id,
    artist_id,
    session_id,
    location,
    user_agent,
    item_in_session,
    song_title,
    artist_name,
    duration,
    match_rule
from songplays;

create or replace view dim_users as
select
    user_id,
    first_name,
    last_name,
    gender,
    level,
    last_seen_at
from users;

create or replace view dim_songs as
select
    song_id,
    title,
    artist_id,
    year,
    duration,
    artist_name
from songs;

create or replace view dim_artists as
select
    artist_id,
    name,
    location,
    latitude,
    longitude,
    taken_from_song_id
from artists;

create or replace view dim_time as
select
    start_time,
    hour,
    day,
    week,
    month,
    year,
    weekday
from time;

create or replace view readable_songplays as
select
    plays.songplay_id,
    plays.start_time,
    plays.user_id,
    plays.level,
    plays.song_id,
    plays.artist_id,
    plays.session_id,
    plays.location,
    plays.user_agent,
    plays.item_in_session,
    coalesce(title.repaired, plays.song_title) as song_title,
    coalesce(name.repaired, plays.artist_name) as artist_name,
    plays.duration,
    plays.match_rule,
    coalesce(title.repaired, name.repaired) is not null as is_repaired
from songplays as plays
left join repaired_names as title on plays.song_title = title.delivered
left join repaired_names as name on plays.artist_name = name.delivered;

create or replace view data_as_of as
select max(case when window_end < read_at then window_end else read_at end) as data_as_of
from file_ledger
where
    dataset = 'staging_events'
    and etag is not null
    and published_at is not null;
create or replace view hour_states as
select
    hour_loads.hour_start,
    case
        when asked.failed_at > coalesce(hour_loads.loaded_at, asked.began_at) then 'failed'
        when hour_loads.loaded_by is null and asked.ended_at is null then 'under way'
        when hour_loads.loaded_by is null then 'partial'
        when hour_loads.events_in_files <> hour_loads.events_loaded then 'outdated'
        when hour_loads.files = 0 then 'missing'
        when hour_loads.plays = 0 then 'quiet'
        else 'loaded'
    end as state,
    hour_loads.plays,
    coalesce(hour_loads.rejects, 0) as rejects,
    hour_loads.loaded_at,
    coalesce(hour_loads.loaded_by, hour_loads.asked_by) as run_id
from hour_loads
left join load_runs as asked on hour_loads.asked_by = asked.run_id;
