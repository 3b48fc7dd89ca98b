-- The level of every play in the window is that of the user's spell at that moment.
-- severity: warn
-- mend: Two events of one user at the same moment differ in level; see user_events.
select songplays.songplay_id, songplays.level, user_levels.level as level_of_spell
from songplays
inner join user_levels
    on
        songplays.user_id = user_levels.user_id
        and songplays.start_time >= user_levels.valid_from
        and songplays.start_time < coalesce(user_levels.valid_to, timestamp '9999-12-31')
where
    {{ in_window("songplays.start_time") }}
    and songplays.level <> user_levels.level
