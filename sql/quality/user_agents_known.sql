-- Every play's user agent is in user_agents.
-- fix: Clear the run's load_songplays task; it adds what is missing.
select songplays.user_agent
from songplays
left join user_agents on songplays.user_agent = user_agents.user_agent
where
    {{ window().holds("songplays.start_time") }}
    and songplays.user_agent is not null
    and user_agents.user_agent is null
group by songplays.user_agent
