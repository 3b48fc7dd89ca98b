-- Every file that the run was to read was there.
-- severity: warn
-- quotes: dataset, source_file
-- fix: Nothing was lost. Once the files are there, load their time again: airflow sparkify hours
--     shows the hours and the command. If they have other names, correct sparkify_partition or
--     sparkify_songs, as the log of the run's stage_* task explains.
select dataset, source_file
from file_ledger
where
    run_id = {{ quoted(run_id) }}
    and etag is null
    and {{ unless_removal_is_allowed() }}
