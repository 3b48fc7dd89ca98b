-- One row per reading: one run's look at the files of one dataset. They are numbered in the order
-- in which they began, before anything is listed, so the greater number saw files no older. A claim
-- is the time for which the run publishes what it read: nothing older is published there any more.
create table if not exists readings (
    reading bigint not null,
    dataset varchar(64) not null,
    run_id varchar(250) not null,
    began_at timestamp not null,
    claim_start timestamp,  -- null until the run begins to publish
    claim_end timestamp,
    published_at timestamp,  -- when all that was read of this time was in the star
    primary key (reading)
)
{%- if engine() == "redshift" %}
diststyle all sortkey (reading)
{%- endif %}
