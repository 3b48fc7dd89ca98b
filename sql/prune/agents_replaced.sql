-- One row per user agent of the plays that are about to be replaced.
create temp table agents_replaced as
select user_agent
from songplays
where
    {{ window().holds("start_time") }}
    and user_agent is not null
group by user_agent
