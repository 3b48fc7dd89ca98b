-- Every play of the window matches its event.
-- fix: A load, or a column's type, alters plays. Compare sql/load/songplays.sql and
--     sql/schema/songplays.sql with the run's staging table.
-- Not by a join: right after the first load, without statistics, that would compare every play
-- with every event.
select
    max(played.songplay_id) as songplay_id,
    played.start_time,
    played.song_title,
    played.artist_name,
    played.duration,
    played.level
from (
    select
        songplays.songplay_id,
        songplays.user_id,
        songplays.session_id,
        songplays.item_in_session,
        songplays.start_time,
        coalesce(songplays.song_title, '') as song_title,
        coalesce(songplays.artist_name, '') as artist_name,
        songplays.duration,
        coalesce(songplays.level, '') as level,
        coalesce(songplays.location, '') as location,
        coalesce(songplays.user_agent, '') as user_agent,
        0 as is_event
    from songplays
    -- Time that a newer reading claims is checked by its run.
    left join (
        {% include "fragments/newer_claims.sql" %}
    ) as claims
        on
            songplays.start_time >= claims.claim_start
            and songplays.start_time < claims.claim_end
    where
        {{ window().holds("songplays.start_time") }}
        and claims.reading is null
    union all
    select
        null as songplay_id,
        userid as user_id,
        sessionid as session_id,
        iteminsession as item_in_session,
        ts as start_time,
        coalesce(song, '') as song_title,
        coalesce(artist, '') as artist_name,
        length as duration,
        coalesce(level, '') as level,
        coalesce(location, '') as location,
        coalesce(useragent, '') as user_agent,
        1 as is_event
    from {{ staging("staging_events") }}
    where
        {{ window().holds("ts") }}
        and page = 'NextSong'
) as played
group by
    played.user_id,
    played.session_id,
    played.item_in_session,
    played.start_time,
    played.song_title,
    played.artist_name,
    played.duration,
    played.level,
    played.location,
    played.user_agent
having max(played.is_event) = 0
