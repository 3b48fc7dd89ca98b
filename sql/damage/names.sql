-- One row per name that has a repair, or is played and may be garbled (not ASCII).
select
    coalesce(played.name, repaired_names.delivered) as name,
    repaired_names.repaired
from (
    select song_title as name
    from songplays
    where octet_length(song_title) > char_length(song_title)
    union
    select artist_name as name
    from songplays
    where octet_length(artist_name) > char_length(artist_name)
) as played
full outer join repaired_names on played.name = repaired_names.delivered
