-- Earlier rejects that this run found again; the new entry replaces them.
delete from rejected_rows
where
    resolved_by = {{ quoted(run_id) }}
    and resolved_at is null
    and exists (
        select 1
        from rejected_rows as again
        where
            again.dataset = rejected_rows.dataset
            and again.source = rejected_rows.source
            and again.source_file = rejected_rows.source_file
            and (
                again.raw_text = rejected_rows.raw_text
                -- Without a text, as one may be a forgotten user's, the place decides.
                or (
                    again.raw_text is null
                    and rejected_rows.raw_text is null
                    and coalesce(again.line_number, 0) = coalesce(rejected_rows.line_number, 0)
                    and again.reason = rejected_rows.reason
                )
            )
            and again.resolved_by is null
    )
