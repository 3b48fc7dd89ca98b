-- Starts of the run's window at which nothing is played any more.
delete from time
where
    {{ in_window("time.start_time") }}
    and not exists (
        select 1
        from songplays
        where
            songplays.start_time = time.start_time
            and {{ in_window("songplays.start_time") }}
    )
