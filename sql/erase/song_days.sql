-- The days of the songs without the plays of forgotten users.
update song_days
set plays = song_days.plays - erased.plays
from erased_song_days as erased
where
    song_days.day = erased.day
    and coalesce(song_days.song_title, '') = coalesce(erased.song_title, '')
    and coalesce(song_days.artist_name, '') = coalesce(erased.artist_name, '')
    and coalesce(song_days.duration, -1) = coalesce(erased.duration, -1)
