-- One row per file and run that read it, or did not find it (no etag). Non-blank lines = rows +
-- rejects + folded, the extra lines of multi-line records. The span is the time whose events the
-- file may hold, under the time zone and slack then set.
create table if not exists file_ledger (
    dataset varchar(64) not null,
    source varchar(1024) not null,
    source_file varchar(1024) not null,
    run_id varchar(250) not null,
    reading bigint not null,
    window_start timestamp not null,
    window_end timestamp not null,
    span_start timestamp,
    span_end timestamp,
    etag varchar(256),
    size_bytes bigint not null,
    line_count bigint,
    folded_count bigint,
    row_count bigint not null,
    reject_count bigint not null,
    read_at timestamp not null,
    published_at timestamp
)
{%- if engine() == "redshift" %}
sortkey (read_at)
{%- else %};
create index if not exists file_ledger_run_id on file_ledger (run_id);
create index if not exists file_ledger_source_file on file_ledger (source_file)
{%- endif %}
