-- A run that is repeated begins its balance sheet anew.
delete from load_runs
where run_id = {{ quoted(run_id) }}
