-- Records that could not be loaded and have not been since, by file and column: the latest 50,
-- whatever the range. rejected_rows has each record with its text.
select
    dataset,
    source_file,
    column_name,
    min(reason) as example,
    count(*) as records,
    max(rejected_at) as rejected_at
from rejected_rows
where resolved_at is null
group by dataset, source_file, column_name
order by rejected_at desc, source_file asc, column_name asc
limit 50
