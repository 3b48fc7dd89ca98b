-- One row per match rule, or none, of the plays in the run's window.
select
    coalesce(match_rule, 'none') as match_rule,
    count(*) as plays
from songplays
where {{ window().holds("start_time") }}
group by match_rule
order by match_rule
