-- Users and plays by operating system and device, as ua-parser reads them from the user agent: the
-- 50 with the most plays. Most computers do not name their device; one who uses two counts at both.
with listeners as (
    -- One row per agent and user, to look up each agent once.
    select user_agent, user_id, count(*) as plays
    from songplays
    where
        {{ in_range("start_time") }}
        and {{ of_level_and_place() }}
    group by user_agent, user_id
)

select
    coalesce(user_agents.operating_system, '(unknown)') as operating_system,
    coalesce(user_agents.device, '(unknown)') as device,
    count(distinct listeners.user_id) as users,
    cast(sum(listeners.plays) as bigint) as plays
from listeners
left join user_agents on listeners.user_agent = user_agents.user_agent
group by
    coalesce(user_agents.operating_system, '(unknown)'),
    coalesce(user_agents.device, '(unknown)')
order by plays desc, operating_system asc, device asc
limit 50
