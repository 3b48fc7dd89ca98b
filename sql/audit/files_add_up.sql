-- Every line of every file read became a row or a reject, or was left out with a forgotten user.
-- quotes: source_file, line_count, row_count, reject_count, folded_count, forgotten_count
-- fix: Nothing was published. The reader lost or duplicated lines of these files: clear the run's
--     stage_* tasks and, if it happens again, report it with the file.
select source_file, line_count, row_count, reject_count, folded_count, forgotten_count
from file_ledger
where
    run_id = {{ quoted(run_id) }}
    and etag is not null
    and (
        line_count is null
        or line_count
        <> row_count + reject_count + coalesce(folded_count, 0) + coalesce(forgotten_count, 0)
    )
