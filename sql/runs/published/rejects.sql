-- Rejects no longer in the files this run read, resolved if the run published all of the file's
-- time.
update rejected_rows
set resolved_at = timestamp '{{ now() }}'
where
    resolved_by = {{ quoted(run_id) }}
    and resolved_at is null
    and source_file in (
        select read_now.source_file
        from file_ledger as read_now
        where
            read_now.run_id = {{ quoted(run_id) }}
            and (
                read_now.span_start is null
                or (
                    read_now.span_start >= read_now.window_start
                    and read_now.span_end <= read_now.window_end
                )
            )
    )
