-- User agents that had a play in the window, and have none there or elsewhere any more.
delete from user_agents
where user_agent in (
    select gone.user_agent
    from (
        -- Grouped to be found first: usually there are none, which ends the search.
        select replaced.user_agent
        from replaced
        left join songplays
            on
                replaced.user_agent = songplays.user_agent
                and {{ window().holds("songplays.start_time") }}
        where
            replaced.user_agent is not null
            and songplays.user_agent is null
        group by replaced.user_agent
    ) as gone
    left join songplays as plays on gone.user_agent = plays.user_agent
    where plays.user_agent is null
)
