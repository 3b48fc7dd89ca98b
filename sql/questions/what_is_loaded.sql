-- What is loaded, whatever the range: the first and last hour with plays, all plays and users, the
-- number of hours that need action because they are missing, failed, abandoned, outdated, damaged,
-- or loaded in part or before they had ended, when the last hour was loaded, and the source read
-- last.
select
    min(session_hours.hour_start) as first_hour,
    max(session_hours.hour_start) as last_hour,
    coalesce(sum(session_hours.plays), 0) as plays,
    count(distinct session_hours.user_id) as users,
    (
        select count(*)
        from hour_states
        where hour_states.state not in ('loaded', 'quiet', 'under way')
    ) as hours_to_repair,
    (select max(hour_states.loaded_at) from hour_states) as hours_seen_at,
    (
        select file_ledger.source
        from file_ledger
        order by file_ledger.read_at desc
        limit 1
    ) as source
from session_hours
