-- Users, without their names, under the Kimball name that some tools expect.
select
    user_id,
    gender,
    level,
    last_seen_at
from public.users
