-- Returns rows if this run read song files and all songs have reached the star.
select file_ledger.source_file
from file_ledger
where
    file_ledger.dataset = 'staging_songs'
    and file_ledger.run_id = {{ quoted(run_id) }}
    and not exists (
        select 1
        from song_files
        where song_files.published_at is null
    )
