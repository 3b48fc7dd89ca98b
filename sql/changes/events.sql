-- What the run has changed of events.
{%- import "fragments/changes.sql" as changes with context %}
{{ changes.record("fragments/rows_of_events.sql") }}
