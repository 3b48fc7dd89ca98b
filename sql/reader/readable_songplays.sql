-- Plays with garbled names repaired, without where and with what they were listened to.
select
    plays.songplay_id,
    plays.start_time,
    plays.user_id,
    plays.level,
    plays.song_id,
    plays.artist_id,
    plays.session_id,
    plays.item_in_session,
    coalesce(title.repaired, plays.song_title) as song_title,
    coalesce(name.repaired, plays.artist_name) as artist_name,
    plays.duration,
    plays.match_rule,
    coalesce(title.repaired, name.repaired) is not null as is_repaired
from public.songplays as plays
left join public.repaired_names as title on plays.song_title = title.delivered
left join public.repaired_names as name on plays.artist_name = name.delivered
