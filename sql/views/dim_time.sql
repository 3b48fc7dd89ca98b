-- The time dimension under the name that tools made for Kimball's conventions expect.
create or replace view dim_time as
select
    start_time,
    hour,
    day,
    week,
    month,
    year,
    weekday
from time
