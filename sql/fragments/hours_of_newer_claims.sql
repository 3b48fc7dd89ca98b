-- One row per claim by a newer reading on the run's window: the first hour that it keeps from the
-- run, and the first hour after its last. A part of an hour is kept only until it is published, as
-- the claiming run may die first.
select
    claims.first_hour,
    claims.end_hour
from (
    select
        date_trunc(
            'hour',
            newer.claim_start
            + case
                when newer.published_at is null then interval '0 seconds'
                else interval '59 minutes 59.999999 seconds'
            end
        ) as first_hour,
        date_trunc(
            'hour',
            newer.claim_end
            + case
                when newer.published_at is null then interval '59 minutes 59.999999 seconds'
                else interval '0 seconds'
            end
        ) as end_hour
    from (
        {% include "fragments/newer_claims.sql" %}
    ) as newer
) as claims
where claims.first_hour < claims.end_hour
