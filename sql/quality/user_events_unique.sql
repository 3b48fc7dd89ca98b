-- Each event of a known user in the window occurs once.
-- fix: Clear the run's load_user_events task; it replaces the window.
select user_id, event_time, session_id, item_in_session, page
from user_events
where {{ window().holds("event_time") }}
group by user_id, event_time, session_id, item_in_session, page
having count(*) > 1
