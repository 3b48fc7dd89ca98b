-- One row per distinct start of a play in the run's window.
with starts as (
    select ts
    from {{ staging("staging_events") }}
    where {% include "fragments/plays.sql" %}
    group by ts
)

select
    ts as start_time,
    cast(extract(hour from ts) as smallint) as hour,
    cast(extract(day from ts) as smallint) as day,
    cast(extract(week from ts) as smallint) as week,
    cast(extract(month from ts) as smallint) as month,
    cast(extract(year from ts) as smallint) as year,
    cast(extract(dow from ts) as smallint) as weekday
from starts
order by ts
