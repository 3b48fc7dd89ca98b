-- Each play of the window occurs once and has a key.
-- fix: Clear the run's load_songplays task; it replaces the window.
select songplay_id, count(*) as copies
from songplays
where {{ window().holds("start_time") }}
group by songplay_id
having count(*) > 1 or songplay_id is null
