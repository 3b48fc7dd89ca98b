-- One row per claim on the run's window by a newer reading than the run's own.
select
    newer.reading,
    newer.claim_start,
    newer.claim_end,
    newer.published_at
from readings as newer
where
    newer.claim_start < {{ literal(window().end) }}
    and newer.claim_end > {{ literal(window().start) }}
    and newer.reading > (
        {% include "fragments/own_reading.sql" %}
    )
