-- The plays and songs before they are loaded again.
create temp table rows_before as
{% include "fragments/rows_of_plays.sql" %}
