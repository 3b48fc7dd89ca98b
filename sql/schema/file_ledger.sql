-- One row per file and reading that read it, or did not find it (no etag). Non-blank lines = rows +
-- rejects + folded, the extra lines of multi-line records, + forgotten. The span is the time whose
-- events the file may hold, under the time zone and slack then set.
create table if not exists file_ledger (
    dataset varchar(64) not null,  -- staging_events or staging_songs
    source varchar(1024) not null,  -- URL of the source
    source_file varchar(1024) not null,  -- the file, within the source
    run_id varchar(250) not null,  -- the run that read it; empty if that run has read again
    reading bigint not null,  -- the number of that reading
    window_start timestamp not null,  -- of the run, UTC
    window_end timestamp not null,  -- of the run, UTC, exclusive
    span_start timestamp,  -- start of the time of its events, UTC; null for songs
    span_end timestamp,  -- end of that time, UTC, exclusive
    etag varchar(256),  -- version of the file; null if it was not found
    size_bytes bigint not null,  -- as stored
    line_count bigint,  -- non-blank lines
    folded_count bigint,  -- extra lines of multi-line records
    forgotten_count bigint,  -- records of forgotten users, left out
    row_count bigint not null,  -- records staged
    reject_count bigint not null,  -- records rejected
    continued_count bigint,  -- of the records staged, those staged by the reading continued only
    read_at timestamp not null,  -- when it was read, UTC
    published_at timestamp  -- when what it holds was in the star, UTC
)
{%- if engine() == "redshift" %}
sortkey (read_at)
{%- else %};
create index if not exists file_ledger_run_id on file_ledger (run_id);
create index if not exists file_ledger_source_file on file_ledger (source_file)
{%- endif %}
