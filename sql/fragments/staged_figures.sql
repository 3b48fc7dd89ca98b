-- One row: what the run read, from the ledger, and what it staged, from its own table, or what the
-- reading had staged that it continues. The run's id is aggregated, because Redshift joins the
-- target of an UPDATE only by a column.
select
    own.run_id,
    ledger.objects,
    ledger.missing,
    ledger.bytes,
    ledger.lines,
    ledger.folded,
    ledger.forgotten + own.erased as forgotten,
    held.events + ledger.continued + ledger.songs as staged,
    ledger.rejected
from (
    select
        max(run_id) as run_id,
        coalesce(max(erased), 0) as erased
    from load_runs
    where run_id = {{ quoted(run_id) }}
) as own
cross join (
    select
        count(etag) as objects,
        count(*) - count(etag) as missing,
        coalesce(sum(size_bytes), 0) as bytes,
        coalesce(sum(line_count), 0) as lines,
        coalesce(sum(folded_count), 0) as folded,
        coalesce(sum(forgotten_count), 0) as forgotten,
        coalesce(sum(reject_count), 0) as rejected,
        coalesce(sum(continued_count), 0) as continued,
        coalesce(sum(case when dataset = 'staging_songs' then row_count end), 0) as songs
    from file_ledger
    where run_id = {{ quoted(run_id) }}
) as ledger
cross join (
    select count(*) as events
    from {{ staging("staging_events") }}
) as held
