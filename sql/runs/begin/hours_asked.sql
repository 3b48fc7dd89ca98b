-- Hours touched by the run, now requested by it. One it covers in part stays with a run that failed
-- or is at work: this run's success says nothing about the rest.
update hour_loads
set asked_by = {{ quoted(run_id) }}
where
    {{ window().touched_hours.holds("hour_start") }}
    and (
        {{ window().whole_hours.holds("hour_start") }}
        or asked_by not in (
            select load_runs.run_id
            from load_runs
            where
                load_runs.ended_at is null
                and load_runs.run_id <> {{ quoted(run_id) }}
        )
    )
