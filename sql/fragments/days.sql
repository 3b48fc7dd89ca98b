{#- The days that were ever loaded, joined to a user's events: their index begins with the day. -#}

{%- macro of_events(condition="1 = 1") -%}
(
    select distinct cast(hour_start as date) as day
    from hour_loads
    where {{ condition }}
) as days on cast(user_events.event_time as date) = days.day
{%- endmacro -%}
