-- Moments at which something was played.
select
    start_time,
    hour,
    day,
    week,
    month,
    year,
    weekday
from public.time
