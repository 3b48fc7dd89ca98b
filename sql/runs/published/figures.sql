-- Count what the fact table now holds of the run's window. The temporary table has the run's id,
-- because Redshift joins the target of an UPDATE only by a column.
create temp table published_figures as
select
    cast({{ quoted(run_id) }} as varchar(250)) as run_id,
    count(*) as plays,
    count(song_id) as matched
from songplays
where {{ window().holds("start_time") }}
