-- One row per user and user agent of the plays that are about to be replaced.
create temp table replaced as
select
    user_id,
    user_agent
from songplays
where {{ window().holds("start_time") }}
group by user_id, user_agent
