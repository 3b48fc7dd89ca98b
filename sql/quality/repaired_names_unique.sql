-- Each garbled name has one repair; a second would duplicate its plays for readers.
-- scope: table
-- fix: Delete the named rows from repaired_names, then load any range with plays of that name
--     again.
select delivered, count(*) as entries
from repaired_names
group by delivered
having count(*) > 1
