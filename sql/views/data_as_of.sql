-- The moment up to which the events in the warehouse are complete, as far as the files were.
create or replace view data_as_of as
select max(case when window_end < read_at then window_end else read_at end) as data_as_of
from file_ledger
where
    dataset = 'staging_events'
    and etag is not null
    and published_at is not null
