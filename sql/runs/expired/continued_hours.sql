-- What readings took over that have expired themselves.
delete from continued_hours
where
    reading < (
        select min(readings.reading)
        from readings
    )
