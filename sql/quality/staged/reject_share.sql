-- The share of records that could not be loaded stays below the limit.
-- mend: Nothing was published. Look at rejected_rows for file, line and reason; mend the source files, or raise the variable sparkify_reject_limit; then clear the run's stage_* tasks.
select
    reject_count as rejected_records,
    record_count as of_records_read,
    {{ reject_limit() }} as limit_share
from (
    select
        sum(reject_count) as reject_count,
        sum(row_count) + sum(reject_count) as record_count
    from file_ledger
    where run_id = {{ quoted(run_id) }}
) as this_run
where reject_count > record_count * {{ reject_limit() }}
