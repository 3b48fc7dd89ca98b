-- Every hour that a run was asked to load: loaded, quiet (its files hold no play of it), missing
-- (there was no file), failed, outdated (its files have changed since), loaded in part, or under
-- way; with its plays, and the rejects of its files.
with latest as (
    select hour_start, state, plays, rejects
    from hour_states
    where {{ in_range("hour_start") }}
    order by hour_start desc
    limit 9000
)

select hour_start, state, plays, rejects
from latest
order by hour_start
