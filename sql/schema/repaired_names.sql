-- One row per garbled song title or artist name that was played, and how it was meant.
create table if not exists repaired_names (
    delivered varchar(1024) not null,  -- as the app wrote it
    repaired varchar(1024) not null,  -- as it was meant
    primary key (delivered)
)
{%- if engine() == "redshift" %}
diststyle all
{%- endif %}
