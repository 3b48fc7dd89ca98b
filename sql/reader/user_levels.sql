-- Spells of users' levels.
select
    user_id,
    level,
    valid_from,
    valid_to
from public.user_levels
