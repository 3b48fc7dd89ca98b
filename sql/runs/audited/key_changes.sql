-- The keys and kinds of values that this run is the first to find, and columns no longer filled:
-- reported, and not to be reported again.
insert into key_changes (
    dataset, source_file, change, key_name, column_name, kind, record_count, run_id, found_at
)
{% include "fragments/key_changes.sql" %}
