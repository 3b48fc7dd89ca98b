-- The window holds exactly the plays that were staged for it.
-- mend: Clear the run from stage_events on. If it comes again, a load is wrong: compare sql/load/songplays.sql with the staging table named below.
select staged.plays as plays_staged, published.plays as plays_published
from (
    select count(*) as plays
    from (
        select 1 as one
        from {{ staging("staging_events") }}
        where
            {{ in_window("ts") }}
            and page = 'NextSong'
        group by ts, userid, sessionid, iteminsession
    ) as distinct_plays
) as staged
cross join (
    select count(*) as plays
    from songplays
    where {{ in_window("start_time") }}
) as published
where staged.plays <> published.plays
