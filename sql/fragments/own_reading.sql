{#- The reading in which the run last read its event files. -#}
select max(own.reading)
from file_ledger as own
where
    own.run_id = {{ quoted(run_id) }}
    and own.dataset = 'staging_events'
