-- Starts in the run's window without a play, unless a newer reading claims them: it loads starts
-- before plays, and prunes its own.
delete from time
where
    {{ window().holds("time.start_time") }}
    and time.start_time in (
        select unplayed.start_time
        from time as unplayed
        left join songplays
            on
                unplayed.start_time = songplays.start_time
                and {{ window().holds("songplays.start_time") }}
        left join (
            {% include "fragments/newer_claims.sql" %}
        ) as claims
            on
                unplayed.start_time >= claims.claim_start
                and unplayed.start_time < claims.claim_end
        where
            {{ window().holds("unplayed.start_time") }}
            and songplays.start_time is null
            and claims.reading is null
    )
