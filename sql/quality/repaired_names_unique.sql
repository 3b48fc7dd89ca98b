-- Each garbled name has one repair; a second would duplicate its plays for readers.
-- scope: table
-- fix: Run airflow sparkify audit, which corrects the repairs of garbled names.
select delivered, count(*) as entries
from repaired_names
group by delivered
having count(*) > 1
