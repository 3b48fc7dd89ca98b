-- Every user's gender is F, M or unknown.
-- severity: warn
-- fix: The gender is new to the warehouse: tell the analysts, and add it to this check.
select user_id, gender
from users
where
    {{ window().holds("last_seen_at") }}
    and gender not in ('F', 'M')
