-- Each start in the window occurs once and has a key.
-- fix: Clear the run's load_time task; it replaces the window's starts.
select start_time, count(*) as copies
from time
where {{ window().holds("start_time") }}
group by start_time
having count(*) > 1 or start_time is null
