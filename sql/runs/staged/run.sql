-- What the run read, from the ledger, and staged, from its own table.
update load_runs
set
    objects = ledger.objects,
    missing = ledger.missing,
    bytes = ledger.bytes,
    lines = ledger.lines,
    folded = ledger.folded,
    staged = held.events + ledger.songs,
    rejected = ledger.rejected,
    plays_staged = plays.copies,
    plays_duplicate = plays.copies - plays.plays,
    staged_at = timestamp '{{ now() }}',
    stage_seconds = {{ seconds_since("load_runs.began_at") }}
from (
    select
        count(etag) as objects,
        count(*) - count(etag) as missing,
        coalesce(sum(size_bytes), 0) as bytes,
        coalesce(sum(line_count), 0) as lines,
        coalesce(sum(folded_count), 0) as folded,
        coalesce(sum(reject_count), 0) as rejected,
        coalesce(sum(case when dataset = 'staging_songs' then row_count end), 0) as songs
    from file_ledger
    where run_id = {{ quoted(run_id) }}
) as ledger
cross join (
    select count(*) as events
    from {{ staging("staging_events") }}
) as held
cross join (
    select
        coalesce(sum(copies), 0) as copies,
        count(*) as plays
    from (
        select count(*) as copies
        from {{ staging("staging_events") }}
        where {% include "fragments/plays.sql" %}
        group by ts, userid, sessionid, iteminsession
    ) as distinct_plays
) as plays
where load_runs.run_id = {{ quoted(run_id) }}
