-- How many of the song files that this run has read another run has read later: those stay as that
-- one found them.
select
    'files left to later readings' as figure,
    count(*) as files
from ({% include "catalogue/left.sql" %}) as left_to_others
