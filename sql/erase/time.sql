-- Starts of erased plays that no other play has. A run that has claimed their time may be about to
-- load such a play, having loaded its start; it then deletes what is left over.
delete from time
where
    time.start_time in (
        select erased_starts.start_time
        from erased_starts
        left join songplays on erased_starts.start_time = songplays.start_time
        left join readings
            on
                erased_starts.start_time >= readings.claim_start
                and erased_starts.start_time < readings.claim_end
                and readings.published_at is null
        where
            songplays.start_time is null
            and readings.reading is null
    )
