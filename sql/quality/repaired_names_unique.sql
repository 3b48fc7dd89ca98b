-- A garbled name is repaired in one way: else its plays would be doubled where they are read.
-- scope: table
-- fix: Delete the named rows from repaired_names, then load any range with plays of that name
--     again.
select delivered, count(*) as entries
from repaired_names
group by delivered
having count(*) > 1
