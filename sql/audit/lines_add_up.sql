-- Every line of every file read is staged or rejected, or left out with a forgotten user.
-- returns: value
-- quotes: lines, staged, rejected, folded, forgotten
-- fix: Nothing was published: a line was lost or counted twice. Non-blank lines must equal staged +
--     rejected + folded, the extra lines of multi-line records, + forgotten. Clear the run's stage_*
--     tasks. If it happens again, report it with the file that files_add_up names.
select
    abs(lines - staged - rejected - folded - forgotten) as lines_unaccounted_for,
    lines,
    staged,
    rejected,
    folded,
    forgotten
from ({% include "fragments/staged_figures.sql" %}) as figures
where run_id is not null
