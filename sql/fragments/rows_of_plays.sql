-- One row per play, and per song and day, that this run loads again: its identity and its version.
select
    cast('songplays' as varchar(64)) as table_name,
    cast(hour_loads.hour_start as date) as day,
    {{ content("songplay_id") }} as id,
    songplays.user_id,
    {{ row_version("songplays", "song_id") }} as version
from songplays
inner join hour_loads
    on
        date_trunc('hour', songplays.start_time) = hour_loads.hour_start
        and hour_loads.loaded_by is not null
where {{ window().holds("songplays.start_time") }}
union all
select
    cast('song_days' as varchar(64)) as table_name,
    day,
    {{ content("song_title", "artist_name", "duration") }} as id,
    cast(null as bigint) as user_id,
    {{ content("song_title", "artist_name", "duration", "plays") }} as version
from song_days
where
    {{ window().touched_days.holds_days("day") }}
    -- An hour that is loaded for the first time changes the songs of its day.
    and day not in (
        select cast(hour_loads.hour_start as date)
        from hour_loads
        where
            {{ window().touched_hours.holds("hour_loads.hour_start") }}
            and hour_loads.loaded_by is null
    )
