-- The events before they are loaded again.
create temp table rows_before as
{% include "fragments/rows_of_events.sql" %}
