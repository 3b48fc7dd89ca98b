-- What there is to ask about, whatever the range: the first and the last hour in which something
-- was played, how many plays by how many users there are in all, how many hours are missing their
-- file, failed, outdated, damaged or loaded in part as far as runs have seen, and when the last one
-- loaded; and the source that was read last.
select
    min(session_hours.hour_start) as first_hour,
    max(session_hours.hour_start) as last_hour,
    coalesce(sum(session_hours.plays), 0) as plays,
    count(distinct session_hours.user_id) as users,
    (
        select count(*)
        from hour_states
        where
            hour_states.state in (
                'missing', 'failed', 'outdated', 'damaged', 'partial', 'abandoned'
            )
    ) as hours_to_mend,
    (select max(hour_states.loaded_at) from hour_states) as hours_seen_at,
    (
        select file_ledger.source
        from file_ledger
        order by file_ledger.read_at desc
        limit 1
    ) as source
from session_hours
