-- One row per rule by which plays of the run's window matched a song of the catalogue, or none.
select
    coalesce(match_rule, 'none') as match_rule,
    count(*) as plays
from songplays
where {{ window().holds("start_time") }}
group by match_rule
order by match_rule
