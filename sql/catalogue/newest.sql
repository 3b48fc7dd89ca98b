-- One row per song file read by this run and by no other later.
select read_now.source_file
from file_ledger as read_now
left join song_files on read_now.source_file = song_files.source_file
where
    read_now.dataset = 'staging_songs'
    and read_now.run_id = {{ quoted(run_id) }}
    and read_now.etag is not null
    and (song_files.reading is null or song_files.reading <= read_now.reading)
