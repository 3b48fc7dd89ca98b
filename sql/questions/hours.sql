-- Every hour that a run was asked to load: loaded, quiet (its files hold no play of it), missing
-- (there was no file), failed, or under way; with its plays, and the rejects of its files.
with latest as (
    select hour_start, asked_by, loaded_by, files, plays, rejects
    from hour_loads
    where {{ in_range("hour_start") }}
    order by hour_start desc
    limit 9000
)

select
    latest.hour_start,
    case
        when latest.loaded_by is not null and latest.files = 0 then 'missing'
        when latest.loaded_by is not null and latest.plays = 0 then 'quiet'
        when latest.loaded_by is not null then 'loaded'
        when load_runs.failed_at is not null then 'failed'
        else 'under way'
    end as state,
    latest.plays,
    coalesce(latest.rejects, 0) as rejects
from latest
left join load_runs on latest.asked_by = load_runs.run_id
order by latest.hour_start
