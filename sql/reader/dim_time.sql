-- Moments at which something was played, under the Kimball name that some tools expect.
select
    start_time,
    hour,
    day,
    week,
    month,
    year,
    weekday
from public.time
