-- One row per hour touched by the run that no run was asked for before. Hours are counted in
-- decimal digits, as the engines share no row generator.
-- noqa: disable=LT02,LT05
{%- set places = window().touched_hours.hour_count | string | length %}
insert into hour_loads (hour_start, asked_by, plays)
with digits as (
    {%- for digit in range(10) %}
    {{ "union all " if digit }}select {{ digit }} as digit
    {%- endfor %}
),

numbers as (
    select 0{% for place in range(places) %} + {{ 10 ** place }} * place_{{ place }}.digit{% endfor %} as number
    from digits as place_0
    {%- for place in range(1, places) %}
    cross join digits as place_{{ place }}
    {%- endfor %}
),

touched as (
    select date_trunc('hour', {{ literal(window().start) }}) + number * interval '1 hour' as hour_start
    from numbers
    where number < {{ window().touched_hours.hour_count }}
)

select
    touched.hour_start,
    {{ quoted(run_id) }} as asked_by,
    0 as plays
from touched
left join hour_loads on touched.hour_start = hour_loads.hour_start
where hour_loads.hour_start is null
