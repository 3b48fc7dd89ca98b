-- Every artist's coordinates are on earth.
-- severity: warn
-- scope: table
-- fix: Fix the song file that the artist was taken from (taken_from_song_id).
select artist_id, latitude, longitude
from artists
where
    latitude not between -90 and 90
    or longitude not between -180 and 180
