-- The share of records that could not be loaded stays below the limit.
-- returns: value
-- limit: {{ reject_limit() }}
-- mend: Nothing was published. Look at rejected_rows for file, line and reason; mend the source files, or raise the variable sparkify_reject_limit; then clear the run's stage_* tasks.
select
    case
        when rejected = 0 then 0
        else cast(rejected as double precision) / (staged + rejected)
    end as share,
    rejected as rejected_records,
    staged + rejected as of_records_read
from load_runs
where run_id = {{ quoted(run_id) }}
