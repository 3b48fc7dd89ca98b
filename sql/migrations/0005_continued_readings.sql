-- How many rows of a file were staged by the reading that another one goes on from.
alter table file_ledger add column continued_count bigint
