-- Redshift decides the distribution, and no key is declared that it does not enforce: a plan that
-- relies on one returns wrong rows once it is violated.
{% if engine() == "redshift" -%}
{% for table in [
    "artists", "hour_loads", "load_runs", "repaired_names", "songplays", "songs", "staging_songs",
    "time", "user_levels", "users",
] -%}
alter table {{ table }} drop constraint {{ table }}_pkey;
{% endfor -%}
{% for table in [
    "artists", "file_ledger", "hour_loads", "load_runs", "quality_results", "rejected_rows",
    "repaired_names", "session_hours", "song_days", "songplays", "songs", "staging_songs", "time",
    "user_events", "user_levels", "users",
] -%}
alter table {{ table }} alter diststyle auto;
{% endfor -%}
{% endif %}
