-- Nothing is left of a forgotten user.
-- fix: Run the DAG sparkify_forget again for these users: it erases what is left of them.
select held.table_name, held.user_id, count(*) as found
from (
    select 'users' as table_name, user_id
    from users
    union all
    select 'user_levels' as table_name, user_id
    from user_levels
    union all
    select 'user_events' as table_name, user_id
    from user_events
    where {{ window().holds("event_time") }}
    union all
    select 'songplays' as table_name, user_id
    from songplays
    where {{ window().holds("start_time") }}
    union all
    select 'session_hours' as table_name, user_id
    from session_hours
    where {{ window().touched_hours.holds("hour_start") }}
) as held
inner join forgotten_users on held.user_id = forgotten_users.user_id
group by held.table_name, held.user_id
