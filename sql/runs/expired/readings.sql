-- Readings past the retention of rejects, and whose run can no longer be at work. All after the
-- first one kept stay, so none loses its newer ones.
delete from readings
where
    reading < (
        select min(young.reading)
        from readings as young
        where
            young.began_at >= timestamp '{{ kept_since() }}'
            or young.began_at >= timestamp '{{ alive_since() }}'
    )
