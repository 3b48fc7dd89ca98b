-- One row per key and kind of value in a sample of a file, as a run read it: the beginning or the
-- end of an event file; or one record of each song file, all of a reading together. It holds no
-- values.
create table if not exists file_keys (
    dataset varchar(64) not null,  -- staging_events or staging_songs
    source_file varchar(1024) not null,  -- the file, within the source; of songs, the first of them
    reading bigint not null,  -- the number of the reading
    span_start timestamp,  -- start of the time of its events, UTC; null for songs
    sample integer not null,  -- number of the sample within the reading, by time
    key_name varchar(128) not null,  -- the key
    column_name varchar(128),  -- the column it fills; null if there is none
    kind varchar(16) not null,  -- text, number, true or false, object, list; null if empty, too
    record_count bigint not null,  -- records with such a value
    sampled_count bigint not null  -- records in the sample
)
{%- if engine() == "redshift" %}
sortkey (reading)
{%- else %};
create index if not exists file_keys_reading on file_keys (reading)
{%- endif %}
