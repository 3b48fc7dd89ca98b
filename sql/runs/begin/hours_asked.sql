-- The hours that the run touches, now asked for by it. An hour of which it loads a part stays asked
-- for by a run that has failed, or is at work: that it comes to an end says nothing of the rest.
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
