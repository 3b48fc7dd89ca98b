-- What the fact table now holds of the run's window.
update load_runs
set
    plays_published = figures.plays,
    plays_matched = figures.matched,
    plays_left = 0,
    published_at = timestamp '{{ now() }}',
    load_seconds = {{ seconds_since("load_runs.staged_at") }}
from (
    select
        own.run_id,
        held.plays,
        held.matched
    from (
        {% include "fragments/own_run.sql" %}
    ) as own
    cross join (
        select
            count(*) as plays,
            count(song_id) as matched
        from songplays
        where {{ window().holds("start_time") }}
    ) as held
) as figures
where load_runs.run_id = figures.run_id
