-- What the run has loaded of each of its whole hours, and from what.
update hour_loads
set
    loaded_by = {{ quoted(run_id) }},
    loaded_at = timestamp '{{ now() }}',
    events_loaded = loaded.events,
    files = loaded.files,
    rejects = loaded.rejects
from (
    select
        whole.hour_start,
        coalesce(max(staged.events), 0) as events,
        count(read_now.etag) as files,
        coalesce(sum(read_now.reject_count), 0) as rejects
    from hour_loads as whole
    left join staged_hours as staged on whole.hour_start = staged.hour_start
    left join (
        select span_start, span_end, etag, reject_count
        from file_ledger
        where
            dataset = 'staging_events'
            and run_id = {{ quoted(run_id) }}
    ) as read_now
        on
            -- A part of the hour is the file's own, not only in the slack before or after it.
            whole.hour_start + interval '1 hour' > read_now.span_start + {{ partition_slack() }}
            and whole.hour_start < read_now.span_end - {{ partition_slack() }}
    where {{ in_whole_hours("whole.hour_start") }}
    group by whole.hour_start
) as loaded
where hour_loads.hour_start = loaded.hour_start
