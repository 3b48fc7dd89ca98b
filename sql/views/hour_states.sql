-- One row per hour that a run was asked to load, with its state. Rejects are those of its files,
-- whatever their own time: a daily file counts in each of its hours.
select
    hour_start,
    state,
    plays,
    rejects,
    loaded_at,
    case when state in ('failed', 'under way') then asked_by else coalesce(loaded_by, asked_by) end
        as run_id
from (
    select
        hour_loads.hour_start,
        case
            when asked.failed_at > greatest(hour_loads.loaded_at, asked.began_at) then 'failed'
            -- Some of its tables may be replaced, others not yet.
            when
                asked.ended_at is null
                and asked.began_at > coalesce(hour_loads.loaded_at, timestamp '1970-01-01')
                then 'under way'
            when hour_loads.damage is not null then 'damaged'
            when hour_loads.loaded_by is null and asked.run_id is null then 'abandoned'
            when hour_loads.loaded_by is null then 'partial'
            when hour_loads.loaded_at < hour_loads.hour_start + interval '1 hour' then 'early'
            when hour_loads.content_in_files <> hour_loads.content_loaded then 'outdated'
            when hour_loads.files = 0 then 'missing'
            when hour_loads.plays = 0 then 'quiet'
            else 'loaded'
        end as state,
        hour_loads.plays,
        coalesce(hour_loads.rejects, 0) as rejects,
        hour_loads.loaded_at,
        hour_loads.loaded_by,
        hour_loads.asked_by
    from hour_loads
    -- A repeated run may have another window than when it was asked for this hour.
    left join load_runs as asked
        on
            hour_loads.asked_by = asked.run_id
            and hour_loads.hour_start < asked.window_end
            and hour_loads.hour_start + interval '1 hour' > asked.window_start
) as judged
