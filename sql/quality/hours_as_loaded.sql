-- Hours that were loaded before, from files that this run read again, hold what the files hold now.
-- severity: warn
-- mend: Events came later than the lookback, or the file was corrected. Load these hours again, by a range run of sparkify or: airflow dags backfill --reset-dagruns -s HOUR -e HOUR sparkify
with now_in_files as (
    select hour_start, count(*) as events
    from (
        select date_trunc('hour', ts) as hour_start
        from {{ staging("staging_events") }}
        where
            userid is not null
            and not {{ in_window("ts") }}
        group by ts, userid, sessionid, iteminsession, page
    ) as events_now
    group by hour_start
),

as_loaded as (
    select date_trunc('hour', event_time) as hour_start, count(*) as events
    from user_events
    where
        event_time >= (select min(staged.ts) from {{ staging("staging_events") }} as staged)
        and event_time <= (select max(staged.ts) from {{ staging("staging_events") }} as staged)
        and not {{ in_window("event_time") }}
    group by date_trunc('hour', event_time)
)

select
    now_in_files.hour_start,
    now_in_files.events as events_in_file,
    coalesce(as_loaded.events, 0) as events_loaded
from now_in_files
left join as_loaded on now_in_files.hour_start = as_loaded.hour_start
where
    now_in_files.events <> coalesce(as_loaded.events, 0)
    and exists (
        select 1
        from file_ledger
        where
            file_ledger.dataset = 'staging_events'
            and file_ledger.published_at is not null
            and file_ledger.window_start <= now_in_files.hour_start
            and file_ledger.window_end >= now_in_files.hour_start + interval '1 hour'
    )
