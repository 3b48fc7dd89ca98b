-- One row per large event file that may still grow: where its last reading ended, so that the next
-- one need not stage what it holds so far. PostgreSQL only: Redshift's COPY reads whole files.
create table if not exists file_ends (
    {{ primary_key("dataset", "source", "source_file") }}
    dataset varchar(64) not null,  -- staging_events
    source varchar(1024) not null,  -- URL of the source
    source_file varchar(1024) not null,  -- the file, within the source
    reading bigint not null,  -- the number of that reading
    etag varchar(256) not null,  -- version of the file
    text_bytes bigint not null,  -- length of its text, uncompressed
    text_lines bigint not null,  -- lines of the text that had ended
    digest varchar(64) not null,  -- of the text and of what decided what became of it
    later timestamp not null,  -- the earliest time that a next run loads, UTC
    later_from bigint not null  -- the place in the text before which all events are earlier
)
{%- if engine() == "redshift" %}
sortkey (reading)
{%- endif %}
