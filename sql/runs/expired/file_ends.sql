-- The ends of readings that have expired themselves.
delete from file_ends
where
    reading < (
        select min(readings.reading)
        from readings
    )
