-- Every line of every file that was read is staged or rejected.
-- returns: value
-- fix: Nothing was published. Lines that are not blank must be staged + rejected + folded, the
--     lines beyond one a record. Clear the run's stage_* tasks. If it comes again, the check
--     files_add_up names the file; report it: a line was lost or counted twice.
select
    abs(lines - staged - rejected - folded) as lines_unaccounted_for,
    lines,
    staged,
    rejected,
    folded
from load_runs
where run_id = {{ quoted(run_id) }}
