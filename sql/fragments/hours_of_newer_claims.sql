-- One row per claim by a newer reading on the run's window: its first whole hour, and the first
-- hour after its last.
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
