-- The file versions now in the mirror, unless a later reading brought the file.
insert into song_files (source_file, source, etag, reading, songs)
select
    file_ledger.source_file,
    file_ledger.source,
    file_ledger.etag,
    file_ledger.reading,
    count(song_copies.song_id) as songs
from file_ledger
left join song_files as later on file_ledger.source_file = later.source_file
left join song_copies on file_ledger.source_file = song_copies.source_file
where
    file_ledger.dataset = 'staging_songs'
    and file_ledger.run_id = {{ quoted(run_id) }}
    and file_ledger.etag is not null
    and later.source_file is null
group by
    file_ledger.source_file, file_ledger.source, file_ledger.etag, file_ledger.reading
