-- Every hour that a run was asked to load, latest first, as the runs saw it: loaded, quiet (no
-- plays in its files), missing (no file), failed, abandoned, outdated (a later run saw its files
-- changed), damaged (its rows changed), early (loaded before it ended), partial or under way; with
-- its plays, its files' rejects and its time of loading. Only "airflow sparkify hours" compares
-- with the files as they are now.
select hour_start, state, plays, rejects, loaded_at
from hour_states
where {{ in_range("hour_start") }}
order by hour_start desc
limit 9000
