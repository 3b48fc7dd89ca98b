-- Every play of the window matches its event.
-- fix: A load, or a column's type, alters plays. Compare sql/load/songplays.sql and
--     sql/schema/songplays.sql with the run's staging table.
select
    songplays.songplay_id,
    songplays.start_time,
    songplays.song_title,
    songplays.artist_name,
    songplays.duration,
    songplays.level
from songplays
left join {{ staging("staging_events") }} as staged
    on
        {{ window().holds("staged.ts") }}
        and staged.page = 'NextSong'
        and songplays.user_id = staged.userid
        and songplays.session_id = staged.sessionid
        and songplays.item_in_session = staged.iteminsession
        and songplays.start_time = staged.ts
        and coalesce(songplays.song_title, '') = coalesce(staged.song, '')
        and coalesce(songplays.artist_name, '') = coalesce(staged.artist, '')
        and coalesce(songplays.duration, -1) = coalesce(staged.length, -1)
        and coalesce(songplays.level, '') = coalesce(staged.level, '')
        and coalesce(songplays.location, '') = coalesce(staged.location, '')
        and coalesce(songplays.user_agent, '') = coalesce(staged.useragent, '')
-- Time that a newer reading claims is checked by its run.
left join (
    {% include "fragments/newer_claims.sql" %}
) as claims
    on
        songplays.start_time >= claims.claim_start
        and songplays.start_time < claims.claim_end
where
    {{ window().holds("songplays.start_time") }}
    and staged.ts is null
    and claims.reading is null
