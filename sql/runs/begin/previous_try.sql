-- A repeated run starts a new balance sheet.
delete from load_runs
where run_id = {{ quoted(run_id) }}
