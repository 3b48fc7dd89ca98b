-- What the run read and staged.
update load_runs
set
    objects = figures.objects,
    missing = figures.missing,
    bytes = figures.bytes,
    lines = figures.lines,
    folded = figures.folded,
    forgotten = figures.forgotten,
    staged = figures.staged,
    rejected = figures.rejected,
    plays_staged = figures.plays_staged,
    plays_duplicate = figures.plays_duplicate,
    staged_at = timestamp '{{ now() }}',
    stage_seconds = {{ seconds_since("load_runs.began_at") }}
from (
    select
        counted.*,
        plays.copies as plays_staged,
        plays.copies - plays.plays as plays_duplicate
    from ({% include "fragments/staged_figures.sql" %}) as counted
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
) as figures
where load_runs.run_id = figures.run_id
