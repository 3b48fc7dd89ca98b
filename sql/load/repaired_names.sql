-- One row per name in the run's plays that may be garbled: it is not ASCII.
select names.name
from (
    select song as name
    from {{ staging("staging_events") }}
    where {% include "fragments/plays.sql" %}
    union
    select artist as name
    from {{ staging("staging_events") }}
    where {% include "fragments/plays.sql" %}
) as names
where octet_length(names.name) > char_length(names.name)
