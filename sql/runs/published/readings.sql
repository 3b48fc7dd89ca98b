-- The run's reading: all it read of the claimed time is now in the star.
update readings
set published_at = timestamp '{{ now() }}'
where
    run_id = {{ quoted(run_id) }}
    and claim_start is not null
    and reading = (
        {% include "fragments/own_reading.sql" %}
    )
