-- The share of the catalogue's songs whose files have lost every song stays below the limit.
-- returns: value
-- limit: {{ reject_limit() }}
-- quotes: emptied_files, songs_loaded, source_file
-- fix: Nothing was published, as that would delete these songs. Restore the files, which
--     file_ledger lists with a row_count of 0, and clear stage_songs; rejected_rows has what could
--     not be loaded. If the songs were removed on purpose, trigger a run with start, end and
--     allow_removed.
select
    case
        when count(*) = 0 then 0
        else
            cast(sum(song_files.songs) as double precision)
            / (select sum(whole.songs) from song_files as whole)
    end as share,
    count(*) as emptied_files,
    coalesce(sum(song_files.songs), 0) as songs_loaded,
    min(song_files.source_file) as source_file
from file_ledger as read_now
inner join song_files on read_now.source_file = song_files.source_file
where
    read_now.dataset = 'staging_songs'
    and read_now.run_id = {{ quoted(run_id) }}
    and read_now.etag is not null
    and read_now.row_count = 0
    and song_files.songs > 0
    -- What another run has read since stays.
    and song_files.reading <= read_now.reading
    and {{ unless_removal_is_allowed() }}
