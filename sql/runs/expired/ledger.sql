-- Entries replaced by a later published reading of the same file, after the retention of rejects. A
-- file's last entry stays: it shows whether the file vanished.
delete from file_ledger
where
    read_at < timestamp '{{ kept_since() }}'
    and exists (
        select 1
        from file_ledger as later
        where
            later.dataset = file_ledger.dataset
            and later.source = file_ledger.source
            and later.source_file = file_ledger.source_file
            and later.read_at > file_ledger.read_at
            and later.published_at is not null
    )
