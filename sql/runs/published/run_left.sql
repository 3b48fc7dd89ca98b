-- What the run leaves to newer readings, which publish it.
update load_runs
set
    plays_left = theirs.plays_left,
    plays_published = load_runs.plays_published - theirs.plays,
    plays_matched = load_runs.plays_matched - theirs.matched
from left_figures as theirs
where load_runs.run_id = theirs.run_id
