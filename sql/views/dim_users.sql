-- The users under the name that tools made for Kimball's conventions expect.
create or replace view dim_users as
select
    user_id,
    first_name,
    last_name,
    gender,
    level,
    last_seen_at
from users
