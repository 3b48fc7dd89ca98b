-- One row per run: its balance sheet. Non-blank lines = staged + rejected + folded, the extra lines
-- of multi-line records, + forgotten; plays staged = published + duplicate + left to newer readings of the same
-- time. A repeated run replaces its row.
create table if not exists load_runs (
    {{ primary_key("run_id") }}
    run_id varchar(250) not null,  -- Airflow's name of the run
    window_start timestamp not null,  -- UTC
    window_end timestamp not null,  -- UTC, exclusive
    objects bigint,  -- files read
    missing bigint,  -- files expected but not found
    bytes bigint,  -- size of the files read
    lines bigint,  -- non-blank lines in them
    folded bigint,  -- extra lines of multi-line records
    forgotten bigint,  -- records of forgotten users, left out
    erased bigint,  -- of these, erased after they were staged
    staged bigint,  -- records staged
    rejected bigint,  -- records rejected
    plays_staged bigint,  -- plays among the records staged
    plays_duplicate bigint,  -- copies of another play
    plays_published bigint,  -- plays published
    plays_matched bigint,  -- of these, with a song of the catalogue
    plays_left bigint,  -- left to newer readings of the same time
    began_at timestamp not null,  -- UTC
    staged_at timestamp,  -- when all was staged and audited, UTC
    published_at timestamp,  -- when all was in the star, UTC
    ended_at timestamp,  -- when the run succeeded, UTC
    failed_at timestamp,  -- when the run failed, UTC; null once it succeeds
    failed_task varchar(250),  -- the task that failed
    stage_seconds double precision,  -- duration of staging and audit
    load_seconds double precision,  -- duration of loading the star
    check_seconds double precision  -- duration of the checks
)
{%- if engine() == "redshift" %}
sortkey (window_start)
{%- else %};
create index if not exists load_runs_window_start on load_runs (window_start)
{%- endif %}
