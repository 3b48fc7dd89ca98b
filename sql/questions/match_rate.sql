-- The match rate is the share of plays that match the catalogue: it has a song of the same title,
-- artist and duration.
select cast(sum(known_plays) as double precision) / sum(plays) as match_rate
from (
    {% include "questions/plays_in_the_catalogue.sql" %}
) as days
