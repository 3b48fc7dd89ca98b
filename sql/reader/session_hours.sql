-- Hours of sessions, without places.
select
    hour_start,
    user_id,
    session_id,
    level,
    plays,
    first_play,
    last_play
from public.session_hours
