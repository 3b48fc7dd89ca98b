-- Number of song files read by this run that another run read later; its version stays.
select
    'files left to later readings' as figure,
    count(*) as files
from ({% include "catalogue/left.sql" %}) as left_to_others
