-- A play has the same id on every engine: its time to the millisecond, and a hash.
-- fix: The same play would be there twice. Do not load; report what the warehouse says.
create temp table doctor_plays as
select
    timestamp '1999-12-31 23:59:59.796' as ts,
    cast(15 as bigint) as userid,
    cast(818 as bigint) as sessionid,
    3 as iteminsession;

select songplay_id
from (
    select
        to_char(ts, 'YYYYMMDDHH24MISSMS')
        || substring(
            md5(
                cast(userid as varchar(20)) || '-' || cast(sessionid as varchar(20))
                || '-' || cast(iteminsession as varchar(20))
            ), 1, 15
        ) as songplay_id
    from doctor_plays
) as ids
where songplay_id <> '199912312359597966182e7eb5300b33'
