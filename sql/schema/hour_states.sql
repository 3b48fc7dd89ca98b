-- One row per hour that a run was asked to load, and how it stands with it. Rejects are those of
-- the hour's files, whatever their own time: a day's file counts at each of its hours.
create or replace view hour_states as
select
    hour_loads.hour_start,
    case
        when asked.failed_at > coalesce(hour_loads.loaded_at, asked.began_at) then 'failed'
        when hour_loads.loaded_by is null and asked.ended_at is null then 'under way'
        when hour_loads.loaded_by is null then 'partial'
        when hour_loads.content_in_files <> hour_loads.content_loaded then 'outdated'
        when hour_loads.files = 0 then 'missing'
        when hour_loads.plays = 0 then 'quiet'
        else 'loaded'
    end as state,
    hour_loads.plays,
    coalesce(hour_loads.rejects, 0) as rejects,
    hour_loads.loaded_at,
    coalesce(hour_loads.loaded_by, hour_loads.asked_by) as run_id
from hour_loads
left join load_runs as asked on hour_loads.asked_by = asked.run_id
