-- Every play is by a free or a paid user.
-- severity: warn
-- fix: The level is new to the warehouse: tell the analysts, and add it to this check.
select songplay_id, level
from songplays
where
    {{ window().holds("start_time") }}
    and (level is null or level not in ('free', 'paid'))
