-- One row per run: its balance sheet. Non-blank lines = staged + rejected + folded, the extra lines
-- of multi-line records; plays staged = published + duplicate + left to newer readings of the same
-- time. A repeated run replaces its row.
create table if not exists load_runs (
    {{ primary_key("run_id") }}
    run_id varchar(250) not null,
    window_start timestamp not null,
    window_end timestamp not null,
    objects bigint,
    missing bigint,
    bytes bigint,
    lines bigint,
    folded bigint,
    staged bigint,
    rejected bigint,
    plays_staged bigint,
    plays_duplicate bigint,
    plays_published bigint,
    plays_matched bigint,
    plays_left bigint,
    began_at timestamp not null,
    staged_at timestamp,
    published_at timestamp,
    ended_at timestamp,
    failed_at timestamp,
    failed_task varchar(250),
    stage_seconds double precision,
    load_seconds double precision,
    check_seconds double precision
)
{%- if engine() == "redshift" %}
sortkey (window_start)
{%- else %};
create index if not exists load_runs_window_start on load_runs (window_start)
{%- endif %}
