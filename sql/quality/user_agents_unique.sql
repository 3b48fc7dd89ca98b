-- Each user agent has one row; a second would count its plays twice.
-- scope: table
-- fix: Delete the rows that the query in the log lists from user_agents, then load any range with
--     plays of that agent again.
select user_agent, count(*) as entries
from user_agents
group by user_agent
having count(*) > 1
