{#- The table song_days or, where it cannot tell level and place, its rows made of plays. -#}

{%- macro song_days(times) -%}
{%- if has_level_or_place() -%}
(
    select
        cast(start_time as date) as day,
        song_title,
        artist_name,
        duration,
        1 as plays
    from readable_songplays
    where
        {{ times }}
        and {{ of_level_and_place() }}
) as song_days
{%- else -%}
song_days
{%- endif -%}
{%- endmacro -%}
