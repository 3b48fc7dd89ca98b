-- Records that could not be loaded, by file and reason, the latest first; rejected_rows has each.
select
    dataset,
    source_file,
    column_name,
    min(reason) as example,
    count(*) as records,
    max(rejected_at) as rejected_at
from rejected_rows
where {{ in_range("rejected_at") }}
group by dataset, source_file, column_name
order by rejected_at desc, source_file asc, column_name asc
limit 50
