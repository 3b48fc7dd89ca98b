-- One row per name in the run's plays that may be garbled, as it is not ASCII, with its repair.
select
    names.name,
    repaired_names.repaired
from (
    select song as name
    from {{ staging("staging_events") }}
    where {% include "fragments/plays.sql" %}
    union
    select artist as name
    from {{ staging("staging_events") }}
    where {% include "fragments/plays.sql" %}
) as names
left join repaired_names on names.name = repaired_names.delivered
where octet_length(names.name) > char_length(names.name)
