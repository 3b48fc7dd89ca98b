-- One row per damaged hour that no run was asked to load; it should be empty.
insert into hour_loads (
    hour_start, asked_by, plays, plays_version, user_events, user_events_version, damage
)
select
    found_damage.hour_start,
    'airflow sparkify audit' as asked_by,
    0 as plays,
    0 as plays_version,
    0 as user_events,
    0 as user_events_version,
    found_damage.damage
from found_damage
left join hour_loads on found_damage.hour_start = hour_loads.hour_start
where hour_loads.hour_start is null
