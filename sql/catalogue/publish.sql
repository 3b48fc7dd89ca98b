-- The song files this run brought into the mirror: now in the star, their plays linked.
update song_files
set published_at = timestamp '{{ now() }}'
where
    published_at is null
    and reading = (
        select max(reading)
        from file_ledger
        where
            dataset = 'staging_songs'
            and run_id = {{ quoted(run_id) }}
    )
