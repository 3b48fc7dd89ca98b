-- Every play staged for the window is published once, or left to a newer reading.
-- returns: value
-- quotes: plays_staged, plays_duplicate, plays_left, plays_published
-- fix: Plays staged must equal published + duplicate + left to newer readings of the same time.
--     Clear the run from stage_events on. If it happens again, sql/load/songplays.sql loses or
--     duplicates plays: compare it with the run's staging table.
select
    abs(plays_staged - plays_duplicate - plays_left - plays_published) as plays_unaccounted_for,
    plays_staged,
    plays_duplicate,
    plays_left,
    plays_published
from load_runs
where run_id = {{ quoted(run_id) }}
