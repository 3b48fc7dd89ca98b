-- One row per key, or kind of a column's values, when a run first found it in a file, and per file
-- from which on nothing filled a column. What is here is not reported again.
create table if not exists key_changes (
    dataset varchar(64) not null,  -- staging_events or staging_songs
    source_file varchar(1024) not null,  -- the file, within the source
    change varchar(16) not null,  -- new key, new kind, not filled; or first seen: no change
    key_name varchar(128) not null,  -- the key
    column_name varchar(128),  -- the column it fills; null if there is none
    kind varchar(16),  -- the kind of the values; null if the column is not filled
    record_count bigint not null,  -- sampled records that show it
    run_id varchar(250) not null,  -- the run that found it
    found_at timestamp not null  -- UTC
)
{%- if engine() == "redshift" %}
sortkey (found_at)
{%- endif %}
