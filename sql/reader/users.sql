-- Users, without their names.
select
    user_id,
    gender,
    level,
    last_seen_at
from public.users
