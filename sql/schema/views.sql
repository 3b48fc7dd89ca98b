-- The star under the names that tools made for Kimball's conventions expect.
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
    duration
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
from time
