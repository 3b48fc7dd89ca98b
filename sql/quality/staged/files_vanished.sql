-- No event file that was loaded before has gone.
-- mend: Nothing was published, for it would delete the plays that came from the file. Put the file back; or load a range without its time; or, where it is meant to be gone, delete its rows from file_ledger.
select missing.source_file
from file_ledger as missing
inner join file_ledger as earlier
    on
        missing.dataset = earlier.dataset
        and missing.source = earlier.source
        and missing.source_file = earlier.source_file
where
    missing.run_id = {{ quoted(run_id) }}
    and missing.etag is null
    and earlier.etag is not null
    and earlier.published_at is not null
group by missing.source_file
