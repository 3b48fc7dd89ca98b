-- No day has lost more than a tenth of the plays that the run's hours of it had before.
-- severity: warn
-- quotes: day, plays_before, plays_lost, changed_file
-- fix: A file may have been cut off, or delivered again without some of its lines. Once it is
--     whole, load its time again; if the plays were removed on purpose, there is nothing to do.
select
    day,
    max(rows_before) as plays_before,
    -- A task that was cleared has recorded changes more than once.
    sum(rows_removed) - sum(rows_added) as plays_lost,
    min(changed_file) as changed_file
from load_changes
where
    run_id = {{ quoted(run_id) }}
    and table_name = 'songplays'
    and {{ unless_removal_is_allowed() }}
group by day
having 10 * (sum(rows_removed) - sum(rows_added)) > max(rows_before)
