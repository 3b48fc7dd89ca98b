-- One row per play: a NextSong event of a known user in the run's window.
{%- import "fragments/matching.sql" as matching %}
with plays as (
    select
        ts,
        userid,
        level,
        sessionid,
        location,
        useragent,
        iteminsession,
        song,
        artist,
        length
    from {{ staging("staging_events") }}
    where {% include "fragments/plays.sql" %}
),

candidates as (
    -- One row per play, matched or not: the first copy, and the smallest matching song id.
    select
        plays.ts,
        plays.userid,
        plays.level,
        songs.song_id,
        songs.artist_id,
        plays.sessionid,
        plays.location,
        plays.useragent,
        plays.iteminsession,
        plays.song,
        plays.artist,
        plays.length,
        coalesce(title.repaired, name.repaired) is not null as is_repaired,
        row_number() over (
            -- The parts of the id: numbers sort faster than ids.
            partition by plays.ts, plays.userid, plays.sessionid, plays.iteminsession
            order by
                plays.song, plays.artist, plays.length, plays.level, plays.location,
                plays.useragent, songs.song_id
        ) as choice
    from plays
    left join repaired_names as title on plays.song = title.delivered
    left join repaired_names as name on plays.artist = name.delivered
    left join songs
        on
            {{ matching.is_song(
                "songs",
                "coalesce(title.repaired, plays.song)",
                "coalesce(name.repaired, plays.artist)",
                "plays.length"
            ) }}
)

select
    -- The id depends on the play alone, so it is the same in every load and on every engine.
    to_char(ts, 'YYYYMMDDHH24MISSMS')
    || substring(
        md5(
            cast(userid as varchar(20)) || '-' || cast(sessionid as varchar(20))
            || '-' || cast(iteminsession as varchar(20))
        ), 1, 15
    ) as songplay_id,
    ts as start_time,
    userid as user_id,
    level,
    song_id,
    artist_id,
    sessionid as session_id,
    location,
    useragent as user_agent,
    iteminsession as item_in_session,
    song as song_title,
    artist as artist_name,
    length as duration,
    {{ matching.rule("song_id", "is_repaired") }} as match_rule
from candidates
where choice = 1
-- The order of the ids, except within a moment; the rows are already in it.
order by ts
