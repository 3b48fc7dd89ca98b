-- Entries replaced by a later published reading of the same file, after the retention of rejects.
-- The last one with rows stays, since it shows whether the file vanished; so does one without rows
-- that no later one covers, since it may show what was removed on purpose.
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
            and (
                later.row_count > 0
                or (
                    file_ledger.row_count = 0
                    and later.window_start <= file_ledger.window_start
                    and later.window_end >= file_ledger.window_end
                )
            )
    )
