-- One row per claim on time of the run's window by a newer reading: the first of the whole hours
-- that it has, and the first after them.
select
    claims.first_hour,
    claims.end_hour
from (
    select
        date_trunc('hour', newer.claim_start + interval '59 minutes 59.999999 seconds')
            as first_hour,
        date_trunc('hour', newer.claim_end) as end_hour
    from (
        {% include "fragments/newer_claims.sql" %}
    ) as newer
) as claims
where claims.first_hour < claims.end_hour
