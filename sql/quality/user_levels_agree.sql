-- The level of every play in the window is that of the user's spell at that moment.
-- severity: warn
-- fix: Two simultaneous events of one user differ in level; see user_events.
select
    differing.songplay_id,
    differing.level,
    differing.level_of_spell
from (
    select
        songplays.songplay_id,
        songplays.start_time,
        songplays.level,
        user_levels.level as level_of_spell
    from songplays
    inner join user_levels
        on
            songplays.user_id = user_levels.user_id
            and songplays.start_time >= user_levels.valid_from
            and songplays.start_time < coalesce(user_levels.valid_to, timestamp '9999-12-31')
    where
        {{ window().holds("songplays.start_time") }}
        and songplays.level <> user_levels.level
) as differing
-- A run that reloads this time loads spells before plays.
left join readings as claims
    on
        differing.start_time >= claims.claim_start
        and differing.start_time < claims.claim_end
group by differing.songplay_id, differing.level, differing.level_of_spell
having {{ newest_is_published() }}
