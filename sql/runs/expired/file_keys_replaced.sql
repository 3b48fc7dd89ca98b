-- Samples of files that a later reading has read and published.
delete from file_keys
where
    exists (
        select 1
        from file_ledger as later
        where
            later.dataset = file_keys.dataset
            and later.source_file = file_keys.source_file
            and later.reading > file_keys.reading
            and later.published_at is not null
    )
