-- Samples of readings past the retention of rejects.
delete from file_keys
where
    reading < (
        select min(young.reading)
        from readings as young
        where young.began_at >= timestamp '{{ kept_since() }}'
    )
