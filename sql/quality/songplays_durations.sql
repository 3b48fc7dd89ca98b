-- Every play is of a song that lasts longer than nothing, and less than a day.
-- severity: warn
-- fix: The events came so; tell whoever writes the logs.
select songplay_id, song_title, duration
from songplays
where
    {{ window().holds("start_time") }}
    and (duration is null or duration <= 0 or duration >= 86400)
