-- Plays, without where and with what they were listened to.
select
    songplay_id,
    start_time,
    user_id,
    level,
    song_id,
    artist_id,
    session_id,
    item_in_session,
    song_title,
    artist_name,
    duration,
    match_rule
from public.songplays
