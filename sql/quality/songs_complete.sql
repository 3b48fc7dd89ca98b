-- The catalogue has exactly the songs that its files hold.
-- scope: table
-- fix: Delete any row from song_files: the next run reads that file again and corrects the
--     catalogue. If it happens again, sql/load/songs.sql or sql/prune/songs.sql is wrong.
select
    held.song_id as song_held,
    songs.song_id as song_in_the_catalogue
from (
    select song_id
    from song_copies
    group by song_id
) as held
full outer join songs on held.song_id = songs.song_id
where
    (held.song_id is null or songs.song_id is null)
    and exists ({% include "catalogue/settled.sql" %})
