-- The share of plays that match the catalogue has not halved.
-- severity: warn
-- quotes: plays, matched, plays_of_eight_weeks, matched_of_eight_weeks
-- fix: The catalogue, or the names in the logs, changed. Find out which songs no longer match; if
--     song files are missing, restore them and run sparkify again.
select
    this_run.plays_published as plays,
    this_run.plays_matched as matched,
    past.plays_published as plays_of_eight_weeks,
    past.plays_matched as matched_of_eight_weeks
from load_runs as this_run
cross join (
    select
        sum(plays_published) as plays_published,
        sum(plays_matched) as plays_matched
    from load_runs
    where
        window_start >= {{ literal(window().start) }} - interval '56 days'
        and window_end <= {{ literal(window().start) }}
        and run_id <> {{ quoted(run_id) }}
) as past
where
    this_run.run_id = {{ quoted(run_id) }}
    and this_run.plays_published >= 100
    and past.plays_published >= 1000
    -- Fewer than 20 expected matches are not significant.
    and past.plays_matched * this_run.plays_published >= 20 * past.plays_published
    and 2 * this_run.plays_matched * past.plays_published
    < past.plays_matched * this_run.plays_published
