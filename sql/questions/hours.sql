-- Every hour that a run was asked to load, the latest first, as the runs saw it: loaded, quiet (its
-- files hold no play of it), missing (there was no file), failed, abandoned, outdated (a later run
-- saw that its files had changed), damaged (its rows have), loaded early (before it had ended) or in
-- part, or under way; with its plays, the rejects of its files, and when it was loaded. Only
-- "airflow sparkify hours" looks at the files as they are now.
select hour_start, state, plays, rejects, loaded_at
from hour_states
where {{ in_range("hour_start") }}
order by hour_start desc
limit 9000
