-- Every play is of a song longer than 0 seconds and shorter than a day.
-- severity: warn
-- fix: The events came like this: tell the team that writes the logs.
select songplay_id, song_title, duration
from songplays
where
    {{ window().holds("start_time") }}
    and (duration is null or duration <= 0 or duration >= 86400)
