-- Every play of the window matches its event.
-- fix: A load, or a column's type, alters plays. Compare sql/load/songplays.sql and
--     sql/schema/songplays.sql with the run's staging table.
select
    altered.start_time,
    altered.user_id,
    altered.session_id,
    altered.item_in_session,
    altered.song_title,
    altered.artist_name,
    altered.duration,
    altered.level
from (
    -- Not a join: of an hour just loaded the planner expects a play or two, for each of which it
    -- would read all that was staged.
    select
        start_time,
        user_id,
        session_id,
        item_in_session,
        song_title,
        artist_name,
        duration,
        level,
        location,
        user_agent
    from songplays
    where {{ window().holds("start_time") }}
    except
    select
        ts,
        userid,
        sessionid,
        iteminsession,
        song,
        artist,
        length,
        level,
        location,
        useragent
    from {{ staging("staging_events") }}
    where {% include "fragments/plays.sql" %}
) as altered
-- Time that a newer reading claims is checked by its run.
left join (
    {% include "fragments/newer_claims.sql" %}
) as claims
    on
        altered.start_time >= claims.claim_start
        and altered.start_time < claims.claim_end
where claims.reading is null
