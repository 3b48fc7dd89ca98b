-- Every song is longer than 0 seconds and shorter than a day.
-- severity: warn
-- scope: table
-- fix: Fix the song's file.
select song_id, duration
from songs
where duration <= 0 or duration >= 86400
