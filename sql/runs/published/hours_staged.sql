-- One row per hour with staged events of known users: their number, copies included, and the
-- version of what the warehouse keeps of them, a sum and so independent of order. Computed once for
-- two uses: what the run loaded, and what its files hold.
create temp table staged_hours as
select
    date_trunc('hour', ts) as hour_start,
    count(*) as events,
    sum({% include "fragments/event_content.sql" %}) as content
from {{ staging("staging_events") }}
where userid is not null
group by date_trunc('hour', ts)
