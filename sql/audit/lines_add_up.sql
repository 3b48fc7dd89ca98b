-- Every line of every file read is staged or rejected.
-- returns: value
-- fix: Nothing was published: a line was lost or counted twice. Non-blank lines must equal staged +
--     rejected + folded, the extra lines of multi-line records. Clear the run's stage_* tasks. If
--     it happens again, report it with the file that files_add_up names.
select
    abs(lines - staged - rejected - folded) as lines_unaccounted_for,
    lines,
    staged,
    rejected,
    folded
from load_runs
where run_id = {{ quoted(run_id) }}
