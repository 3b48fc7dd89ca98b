-- One row per user who is to be forgotten: erased from all other tables, and left out of every
-- later load. It holds no name, and is kept when the tables are recreated.
create table if not exists forgotten_users (
    {{ primary_key("user_id") }}
    user_id bigint not null,  -- the user
    reason varchar(1024) not null,  -- why, such as the number of the request
    run_id varchar(250) not null,  -- the run of sparkify_forget that was asked first
    forgotten_at timestamp not null  -- since when, UTC
)
