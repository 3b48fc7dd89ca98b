-- One row per start of a play of forgotten users.
create temp table erased_starts as
select distinct start_time
from songplays
where user_id in (select forgotten_users.user_id from forgotten_users)
