-- One row per user agent of the window's plays that is not in user_agents.
select played.user_agent
from (
    select user_agent
    from songplays
    where
        {{ window().holds("start_time") }}
        and user_agent is not null
    group by user_agent
) as played
left join user_agents on played.user_agent = user_agents.user_agent
where user_agents.user_agent is null
