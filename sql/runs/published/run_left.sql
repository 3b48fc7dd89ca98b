-- What the run leaves to newer readings, which publish it.
update load_runs
set
    plays_left = theirs.plays_left,
    plays_published = load_runs.plays_published - theirs.plays,
    plays_matched = load_runs.plays_matched - theirs.matched
from (
    select
        own.run_id,
        staged.plays_left,
        held.plays,
        held.matched
    from (
        {% include "fragments/own_run.sql" %}
    ) as own
    cross join (
        select count(*) as plays_left
        from (
            select events.ts
            from {{ staging("staging_events") }} as events
            inner join (
                {% include "fragments/newer_claims.sql" %}
            ) as claims on events.ts >= claims.claim_start and events.ts < claims.claim_end
            where {% include "fragments/plays.sql" %}
            group by events.ts, events.userid, events.sessionid, events.iteminsession
        ) as distinct_plays
    ) as staged
    cross join (
        select
            count(*) as plays,
            count(song_id) as matched
        from (
            select distinct songplays.songplay_id, songplays.song_id
            from songplays
            inner join (
                {% include "fragments/newer_claims.sql" %}
            ) as claims
                on
                    songplays.start_time >= claims.claim_start
                    and songplays.start_time < claims.claim_end
            where {{ window().holds("songplays.start_time") }}
        ) as distinct_plays
    ) as held
) as theirs
where load_runs.run_id = theirs.run_id
