-- The run claims, for the events it has read, the window that it read them for: nothing older is
-- published there from now on.
update readings
set
    claim_start = own.window_start,
    claim_end = own.window_end
from (
    select distinct
        run_id,
        reading,
        window_start,
        window_end
    from file_ledger
    where run_id = {{ quoted(run_id) }} and dataset = 'staging_events'
) as own
where
    readings.run_id = own.run_id
    and readings.reading = own.reading
