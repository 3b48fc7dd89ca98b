-- What the fact table now holds of the run's window.
update load_runs
set
    plays_published = published.plays,
    plays_matched = published.matched,
    plays_left = 0,
    published_at = timestamp '{{ now() }}',
    load_seconds = {{ seconds_since("load_runs.staged_at") }}
from (
    select
        count(*) as plays,
        count(song_id) as matched
    from songplays
    where {{ window().holds("start_time") }}
) as published
where load_runs.run_id = {{ quoted(run_id) }}
