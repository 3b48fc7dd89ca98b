-- Few of the window's plays are garbled (UTF-8 read as Latin-1).
-- severity: warn
-- returns: value
-- limit: 0.25
-- quotes: garbled_plays, of_plays
-- fix: More names than usual are garbled: tell the team that writes the logs. Fewer than 100 plays
--     are not checked.
select
    case
        when count(*) < 100 then 0
        else cast(sum(garbled) as double precision) / count(*)
    end as share,
    sum(garbled) as garbled_plays,
    count(*) as of_plays
from (
    select
        case
            when
                position('Ã' in song_title || ' ' || artist_name) > 0
                or position('Â' in song_title || ' ' || artist_name) > 0
                then 1
            else 0
        end as garbled
    from songplays
    where {{ window().holds("start_time") }}
) as plays
