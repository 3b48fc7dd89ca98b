-- What this run read is now in the star.
update file_ledger
set published_at = timestamp '{{ now() }}'
where run_id = {{ quoted(run_id) }}
