-- Empty hours of a range that no run is loading: they were requested by mistake.
delete from hour_loads
where
    {{ in_range("hour_loads.hour_start") }}
    and hour_loads.hour_start not in (
        select hour_states.hour_start
        from hour_states
        where hour_states.state = 'under way'
    )
    and hour_loads.hour_start not in (
        select date_trunc('hour', songplays.start_time)
        from songplays
        where {{ in_range("songplays.start_time") }}
    )
    and hour_loads.hour_start not in (
        select date_trunc('hour', user_events.event_time)
        from user_events
        where {{ in_range("user_events.event_time") }}
    )
