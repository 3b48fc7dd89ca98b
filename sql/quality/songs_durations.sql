-- Every song lasts longer than nothing, and less than a day.
-- severity: warn
-- scope: table
-- fix: Mend the song's file.
select song_id, duration
from songs
where duration <= 0 or duration >= 86400
