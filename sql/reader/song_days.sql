-- Songs on days.
select
    day,
    song_title,
    artist_name,
    duration,
    plays
from public.song_days
