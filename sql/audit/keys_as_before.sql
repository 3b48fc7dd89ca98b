-- No file has keys that no column takes, values of a kind, or columns without values, that files
-- before it did not have.
-- severity: {{ drift_severity() }}
-- quotes: source_file, change, key_name, column_name, kind, record_count
-- fix: See key_changes, or "Changes in the source" on the page. If a key was renamed, ask for its old
--     name, or add a column; load the files again once they are corrected. If the change is
--     right, do nothing: it is reported once. With sparkify_drift set to error nothing was
--     published: set it to warn, clear audit_staged, and set it back.
{% set changes_only = true -%}
{% include "fragments/key_changes.sql" %}
