{#- The predicate of the staged events that are plays of the run's window. -#}
{{ window().holds("ts") }}
and page = 'NextSong'
