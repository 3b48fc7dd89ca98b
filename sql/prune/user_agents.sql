-- User agents that had a play in the window, and have none there or elsewhere any more.
delete from user_agents
where user_agent in (
    select gone.user_agent
    from (
        -- Grouped to be found first: usually there are none, which ends the search.
        select agents_replaced.user_agent
        from agents_replaced
        left join songplays
            on
                agents_replaced.user_agent = songplays.user_agent
                and {{ window().holds("songplays.start_time") }}
        where songplays.user_agent is null
        group by agents_replaced.user_agent
    ) as gone
    left join songplays as plays on gone.user_agent = plays.user_agent
    where plays.user_agent is null
)
