-- DELETE … USING removes the rows that are joined to another table.
-- fix: The catalogue replaces a file's songs like this (sql/catalogue). Do not load; report what the
--     warehouse says.
create temp table doctor_files as
select cast('a' as varchar(8)) as file, 1 as reading
union all
select cast('b' as varchar(8)) as file, 1 as reading;

create temp table doctor_read as
select cast('a' as varchar(8)) as file, 2 as reading;

delete from doctor_files
using doctor_read
where
    doctor_files.file = doctor_read.file
    and doctor_files.reading <= doctor_read.reading;

select count(*) as files_left
from doctor_files
having count(*) <> 1
