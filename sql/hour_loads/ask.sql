-- The hours that the run touches, now asked for by it.
update hour_loads
set asked_by = {{ quoted(run_id) }}
where {{ in_touched_hours("hour_start") }}
