-- One row per record that could not be loaded. Those of a file's last reading are open; resolved_by
-- is a run that read the file without it, resolved_at when that run had published it.
create table if not exists rejected_rows (
    dataset varchar(64) not null,
    source varchar(1024) not null,
    source_file varchar(1024) not null,
    line_number bigint,
    column_name varchar(128),
    reason varchar(4096) not null,
    raw_text {{ "varchar(65535)" if engine() == "redshift" else "text" }},
    run_id varchar(250) not null,
    rejected_at timestamp not null,
    resolved_by varchar(250),
    resolved_at timestamp
)
{%- if engine() == "redshift" %}
sortkey (rejected_at)
{%- else %};
create index if not exists rejected_rows_source_file on rejected_rows (source_file)
{%- endif %}
