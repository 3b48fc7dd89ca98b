-- The time dimension, under the Kimball name that some tools expect.
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
