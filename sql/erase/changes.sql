-- What the run changes, by day: only the rows of the forgotten users, of which none is left.
insert into load_changes (
    run_id, table_name, day, rows_before, rows_after, rows_added, rows_removed, rows_changed,
    users_before, users_after, files_changed, changed_at
)
select
    {{ quoted(run_id) }} as run_id,
    held.table_name,
    held.day,
    count(*) as rows_before,
    0 as rows_after,
    0 as rows_added,
    count(*) as rows_removed,
    0 as rows_changed,
    count(distinct held.user_id) as users_before,
    0 as users_after,
    0 as files_changed,
    timestamp '{{ now() }}' as changed_at
from (
    select 'songplays' as table_name, cast(start_time as date) as day, user_id
    from songplays
    union all
    select 'user_events' as table_name, cast(event_time as date) as day, user_id
    from user_events
) as held
inner join forgotten_users on held.user_id = forgotten_users.user_id
group by held.table_name, held.day
