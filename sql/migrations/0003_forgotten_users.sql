-- Counts of the records that are left out because their user was forgotten.
alter table file_ledger add column forgotten_count bigint;
alter table load_runs add column forgotten bigint;
alter table load_runs add column erased bigint;
update load_runs set forgotten = 0
where staged_at is not null
