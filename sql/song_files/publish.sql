-- What this run has brought into the mirror is now in the star, and its plays are linked.
update song_files
set published_at = timestamp '{{ now() }}'
where
    published_at is null
    and reading in (
        select file_ledger.reading
        from file_ledger
        where
            file_ledger.dataset = 'staging_songs'
            and file_ledger.run_id = {{ quoted(run_id) }}
    )
