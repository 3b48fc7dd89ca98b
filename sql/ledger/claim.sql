-- The mirror now holds this run's version of these song files: what earlier runs entered about
-- them no longer tells which version was loaded.
delete from file_ledger
where
    dataset = 'staging_songs'
    and run_id <> {{ quoted(run_id) }}
    and source_file in (
        select source_file
        from file_ledger
        where
            dataset = 'staging_songs'
            and run_id = {{ quoted(run_id) }}
    )
