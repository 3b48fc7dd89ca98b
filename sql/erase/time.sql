-- Starts of erased plays that no other play has, unless a newer reading than the published one
-- claims them: its run may have loaded the start of a play that it is about to load, and deletes
-- what is left over.
delete from time
where
    time.start_time in (
        select erased_starts.start_time
        from erased_starts
        left join songplays on erased_starts.start_time = songplays.start_time
        left join readings as claims
            on
                erased_starts.start_time >= claims.claim_start
                and erased_starts.start_time < claims.claim_end
        where songplays.start_time is null
        group by erased_starts.start_time
        having {{ newest_is_published() }}
    )
