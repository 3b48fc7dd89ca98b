-- No event file has more rejected records than staged ones.
-- severity: warn
-- quotes: source_file, reject_count, row_count
-- fix: See rejected_rows for the reasons, fix the file and load its time again. If it is cut in
--     another time zone than the rest, or holds other records, move it out of the source.
select source_file, reject_count, row_count
from file_ledger
where
    run_id = {{ quoted(run_id) }}
    and dataset = 'staging_events'
    and reject_count > row_count
