-- What the fact table now holds of the run's window.
update load_runs
set
    plays_published = figures.plays,
    plays_matched = figures.matched,
    plays_left = 0,
    published_at = timestamp '{{ now() }}',
    load_seconds = {{ seconds_since("load_runs.staged_at") }}
from published_figures as figures
where load_runs.run_id = figures.run_id
