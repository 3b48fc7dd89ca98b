-- Of no event file more records were rejected than staged.
-- severity: warn
-- fix: Look at rejected_rows for the reasons. Mend the file and load its time again; where it is
--     cut in another zone than the others, or holds another kind of record, move it out of the
--     source.
select source_file, reject_count, row_count
from file_ledger
where
    run_id = {{ quoted(run_id) }}
    and dataset = 'staging_events'
    and reject_count > row_count
