-- The run's row of figures: what the fact now holds of its window. Counted first: an UPDATE needs a
-- column that joins its target, and a count has none.
create temp table published_figures as
select
    cast({{ quoted(run_id) }} as varchar(250)) as run_id,
    count(*) as plays,
    count(song_id) as matched
from songplays
where {{ window().holds("start_time") }}
