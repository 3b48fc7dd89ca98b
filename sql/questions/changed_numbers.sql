-- Why a number changed: what later runs have changed in hours that were loaded before, by day and
-- table, and a file that is not as it was then. Without one, names were repaired, users forgotten, or
-- damage was undone. The latest 200.
select
    day,
    table_name,
    rows_before,
    rows_after,
    rows_added,
    rows_removed,
    rows_changed,
    rows_added + rows_removed + rows_changed as rows_affected,
    users_before,
    users_after,
    files_changed,
    changed_file,
    run_id,
    changed_at
from load_changes
where {{ days_in_range("day") }}
order by changed_at desc, day asc, table_name asc
limit 200
