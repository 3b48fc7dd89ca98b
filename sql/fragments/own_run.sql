-- The run's id, aggregated, because Redshift joins the target of an UPDATE only by a column.
select max(run_id) as run_id
from load_runs
where run_id = {{ quoted(run_id) }}
