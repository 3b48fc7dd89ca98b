-- One row per record that could not be loaded. Those of a file's last reading are open; resolved_by
-- is a run that read the file without it, resolved_at when that run had published it.
create table if not exists rejected_rows (
    dataset varchar(64) not null,  -- staging_events or staging_songs
    source varchar(1024) not null,  -- URL of the source
    source_file varchar(1024) not null,  -- the file, within the source
    line_number bigint,  -- the line on which the record begins, from 1
    column_name varchar(128),  -- the column that could not hold its value, if that is the reason
    reason varchar(4096) not null,  -- why it could not be loaded
    raw_text {{ "varchar(65535)" if engine() == "redshift" else "text" }},  -- as delivered, if it may be kept
    run_id varchar(250) not null,  -- the run that rejected it
    rejected_at timestamp not null,  -- UTC
    resolved_by varchar(250),  -- a later run that read the file without it; null while open
    resolved_at timestamp  -- when that run had published it, UTC
)
{%- if engine() == "redshift" %}
sortkey (rejected_at)
{%- else %};
create index if not exists rejected_rows_source_file on rejected_rows (source_file)
{%- endif %}
