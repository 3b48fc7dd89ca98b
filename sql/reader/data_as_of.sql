-- The time up to which the warehouse has all events that the files held.
select max(case when window_end < read_at then window_end else read_at end) as data_as_of
from public.file_ledger
where
    dataset = 'staging_events'
    and etag is not null
    and published_at is not null
