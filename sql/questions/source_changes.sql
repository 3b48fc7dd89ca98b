-- What has changed in the keys of the source's files: keys that no column takes, values of a new
-- kind, and columns that nothing fills any more, with the sampled records that show it: the latest
-- 50, whatever the range.
select
    dataset,
    source_file,
    change,
    key_name,
    column_name,
    kind,
    record_count as records,
    found_at
from key_changes
where change <> 'first seen'
order by found_at desc, source_file asc, change asc, key_name asc, kind asc
limit 50
