-- Users, under the Kimball name that some tools expect.
create or replace view dim_users as
select
    user_id,
    first_name,
    last_name,
    gender,
    level,
    last_seen_at
from users
