-- One row per played song title or artist name that was garbled, with its repair.
create table if not exists repaired_names (
    {{ primary_key("delivered") }}
    delivered varchar(1024) not null,  -- as the app wrote it
    repaired varchar(1024) not null  -- the intended text
)
