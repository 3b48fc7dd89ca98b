-- The run's staging table holds exactly the rows that were staged.
-- mend: The table lost rows after it was filled, such as by a crash of the warehouse. Clear the run's stage_* tasks.
select entered.rows_staged, held.rows_held
from (
    select coalesce(sum(row_count), 0) as rows_staged
    from file_ledger
    where
        run_id = {{ quoted(run_id) }}
        and dataset = 'staging_events'
) as entered
cross join (
    select count(*) as rows_held
    from {{ staging("staging_events") }}
) as held
where entered.rows_staged <> held.rows_held
