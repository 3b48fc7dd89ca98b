-- Older versions of the song files this run brought into the mirror.
delete from song_files
using file_ledger
where
    song_files.source_file = file_ledger.source_file
    and song_files.reading <= file_ledger.reading
    and file_ledger.dataset = 'staging_songs'
    and file_ledger.run_id = {{ quoted(run_id) }}
    and file_ledger.etag is not null
