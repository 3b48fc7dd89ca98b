-- User agents of erased plays that no other play has.
delete from user_agents
where user_agent in (
    select erased_agents.user_agent
    from erased_agents
    left join songplays on erased_agents.user_agent = songplays.user_agent
    where songplays.user_agent is null
)
