-- No event file that was published for the window's time is gone, or has become empty.
-- quotes: source_file, last_source, held_events_from, held_events_until
-- fix: Nothing was published, as that would delete the file's plays. Restore the file, or correct
--     the variable sparkify_source, and clear stage_events. If it was removed on purpose, trigger a
--     run with start, end and allow_removed.
select
    gone.source_file,
    max(earlier.source) as last_source,
    min(earlier.span_start) as held_events_from,
    max(earlier.span_end) as held_events_until
from file_ledger as gone
inner join file_ledger as earlier
    on
        gone.dataset = earlier.dataset
        and gone.source_file = earlier.source_file
-- A run with allow_removed has published this time without the file, or with an empty one.
left join file_ledger as removal
    on
        earlier.dataset = removal.dataset
        and earlier.source_file = removal.source_file
        and removal.run_id <> {{ quoted(run_id) }}
        and (removal.etag is null or removal.line_count = 0)
        and removal.published_at is not null
        and earlier.read_at < removal.read_at
        and removal.window_start <= greatest(earlier.span_start, {{ literal(window().start) }})
        and removal.window_end >= least(earlier.span_end, {{ literal(window().end) }})
where
    gone.run_id = {{ quoted(run_id) }}
    and gone.dataset = 'staging_events'
    and (gone.etag is null or gone.line_count = 0)
    and earlier.row_count > 0
    and earlier.published_at is not null
    -- What a newer reading has published is left to it.
    and earlier.reading < gone.reading
    and earlier.span_start < {{ literal(window().end) }}
    and earlier.span_end > {{ literal(window().start) }}
    and removal.source_file is null
    and {{ unless_removal_is_allowed() }}
group by gone.source_file
