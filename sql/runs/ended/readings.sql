-- Readings are kept as long as rejects, and as long as a run that began with them may be at work.
-- All those after the first that is kept stay, so that none that is known lacks a newer one.
delete from readings
where
    reading < (
        select min(young.reading)
        from readings as young
        where
            young.began_at >= timestamp '{{ kept_since() }}'
            or young.began_at >= timestamp '{{ alive_since() }}'
    )
