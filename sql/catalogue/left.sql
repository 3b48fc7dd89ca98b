-- One row per song file read by this run and later by another.
select read_now.source_file
from file_ledger as read_now
inner join song_files on read_now.source_file = song_files.source_file
where
    read_now.dataset = 'staging_songs'
    and read_now.run_id = {{ quoted(run_id) }}
    and song_files.reading > read_now.reading
