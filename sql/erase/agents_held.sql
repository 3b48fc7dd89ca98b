-- One row per user agent of a play of forgotten users.
create temp table erased_agents as
select distinct user_agent
from songplays
where user_id in (select forgotten_users.user_id from forgotten_users)
