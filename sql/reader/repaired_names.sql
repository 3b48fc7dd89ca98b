-- Garbled names of songs and artists, with their repairs.
select
    delivered,
    repaired
from public.repaired_names
