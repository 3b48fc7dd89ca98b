-- A run's own table is made like another one, with its types and NOT NULL.
-- fix: Every run stages like this. Do not load; report what the warehouse says.
create table {{ scratch("events") }} (song varchar(8), ts timestamp not null, primary key (ts));

drop table if exists {{ scratch("events_of_a_run") }};

create table {{ scratch("events_of_a_run") }} (
    like {{ scratch("events") }} including defaults
);

insert into {{ scratch("events_of_a_run") }} (ts)
select timestamp '1999-12-31 23:59:59.796' as ts;

select song, ts
from {{ scratch("events_of_a_run") }}
where ts <> timestamp '1999-12-31 23:59:59.796'
