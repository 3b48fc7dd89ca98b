{#- How a play matches a song of the catalogue. -#}

{%- macro is_song(song, title, artist, duration) -%}
{{ title }} = {{ song }}.title
and {{ artist }} = {{ song }}.artist_name
and {{ duration }} = {{ song }}.duration
{%- endmacro -%}

{%- macro rule(song_id, is_repaired) -%}
case when {{ song_id }} is not null then case when {{ is_repaired }} then 'repaired' else 'exact' end end
{%- endmacro -%}
