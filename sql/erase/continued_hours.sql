-- What readings of runs at work have taken over, without forgotten users.
update continued_hours
set
    events = continued_hours.events - erased.user_events,
    content = continued_hours.content - erased.content
from erased_hours as erased
where continued_hours.hour_start = erased.hour_start
