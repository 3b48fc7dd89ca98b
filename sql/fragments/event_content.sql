{#- The version of what the warehouse keeps of a staged event. -#}
{{ content(
    "ts", "userid", "sessionid", "iteminsession", "page", "level", "firstname", "lastname", "gender",
    "case when page = 'NextSong' then location end",
    "case when page = 'NextSong' then useragent end",
    "case when page = 'NextSong' then song end",
    "case when page = 'NextSong' then artist end",
    "case when page = 'NextSong' then length end"
) }}
