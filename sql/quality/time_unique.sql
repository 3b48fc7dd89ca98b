-- Each start in the window is there once, and has its key.
-- fix: Clear the run's load_time task; it replaces the starts of the window.
select start_time, count(*) as copies
from time
where {{ window().holds("start_time") }}
group by start_time
having count(*) > 1 or start_time is null
