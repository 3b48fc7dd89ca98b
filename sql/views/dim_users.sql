-- Users, under the Kimball name that some tools expect.
select
    user_id,
    first_name,
    last_name,
    gender,
    level,
    last_seen_at
from users
