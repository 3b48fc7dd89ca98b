-- One row per reading: one run's look at the files of one dataset. Numbered as they begin, before
-- any listing, so a higher number saw files no older. A claim is the time for which the run
-- publishes what it read; nothing older is published there afterwards.
create table if not exists readings (
    {{ primary_key("reading") }}
    reading bigint not null,  -- its number
    dataset varchar(64) not null,  -- staging_events or staging_songs
    run_id varchar(250) not null,  -- the run that reads
    began_at timestamp not null,  -- before any file was listed, UTC
    claim_start timestamp,  -- null until the run begins to publish
    claim_end timestamp,  -- exclusive
    published_at timestamp  -- when all it read of this time was in the star
)
{%- if engine() == "redshift" %}
sortkey (reading)
{%- endif %}
