-- The run claims its window for the events it has read: nothing older is published there from now
-- on.
update readings
set
    claim_start = {{ literal(window().start) }},
    claim_end = {{ literal(window().end) }}
where
    run_id = {{ quoted(run_id) }}
    and reading = (
        {% include "fragments/own_reading.sql" %}
    )
