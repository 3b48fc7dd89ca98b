{#- The predicate for staged events that are plays in the run's window. -#}
{{ window().holds("ts") }}
and page = 'NextSong'
