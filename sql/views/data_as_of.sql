-- The end of the newest window that is published, or when its files were read if that is earlier.
-- Earlier hours may have failed: hour_states says which.
select max(case when window_end < read_at then window_end else read_at end) as data_as_of
from file_ledger
where
    dataset = 'staging_events'
    and etag is not null
    and published_at is not null
