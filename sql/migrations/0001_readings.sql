-- Readings and versions: the columns by which a run knows whether it is newer than another. The
-- catalogue's new tables stay empty; the next run reads every song file once and fills them.
alter table file_ledger add column reading bigint default 0 not null;
{% if engine() == "postgres" -%}
-- The default is for the rows that are there. Redshift cannot drop it.
alter table file_ledger alter column reading drop default;
{% endif -%}
alter table load_runs add column plays_left bigint;
update load_runs set plays_left = 0
where published_at is not null;
alter table hour_loads add column loaded_reading bigint;
alter table hour_loads add column plays_version numeric(38, 0);
alter table hour_loads add column user_events bigint;
alter table hour_loads add column user_events_version numeric(38, 0);
alter table hour_loads add column damage varchar(250);
alter table hour_loads add column content_loaded numeric(38, 0);
alter table hour_loads add column content_in_files numeric(38, 0);
alter table hour_loads add column files_reading bigint;
-- What was outdated by the number of its events stays so; numbers that differ are versions too.
update hour_loads set content_loaded = events_loaded, content_in_files = events_in_files
where events_loaded <> events_in_files
