-- Hours that a run was asked to load, and how many plays were found.
select
    hour_start,
    loaded_at,
    plays,
    files,
    rejects
from public.hour_loads
