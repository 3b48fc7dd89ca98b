-- What the run has changed of plays and songs.
{%- import "fragments/changes.sql" as changes with context %}
{{ changes.record("fragments/rows_of_plays.sql") }}
