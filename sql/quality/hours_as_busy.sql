-- No hour has fewer than half of the plays of the quietest same hour of past weeks.
-- severity: warn
-- quotes: hour_start, plays, fewest_of_past_weeks, past_weeks
-- fix: Plays may be missing: check that the hour's file is complete, and load it again. Checked
--     only if at least four of the past eight weeks are loaded, each with 20 plays or more.
select
    this_week.hour_start,
    this_week.plays,
    min(past.plays) as fewest_of_past_weeks,
    count(*) as past_weeks
from hour_loads as this_week
inner join hour_loads as past
    on
        past.hour_start in (
            this_week.hour_start - interval '7 days',
            this_week.hour_start - interval '14 days',
            this_week.hour_start - interval '21 days',
            this_week.hour_start - interval '28 days',
            this_week.hour_start - interval '35 days',
            this_week.hour_start - interval '42 days',
            this_week.hour_start - interval '49 days',
            this_week.hour_start - interval '56 days'
        )
where
    {{ window().holds("this_week.hour_start") }}
    and this_week.loaded_by = {{ quoted(run_id) }}
    and past.loaded_by is not null
group by this_week.hour_start, this_week.plays
having
    count(*) >= 4
    and min(past.plays) >= 20
    and 2 * this_week.plays < min(past.plays)
