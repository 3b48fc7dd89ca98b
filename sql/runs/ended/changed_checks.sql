-- One row per check whose result is not the one that people know of: that of the hours before, or
-- the run's own before it was cleared. A failure is known at once, a warning once its run has ended.
select
    latest.check_name,
    latest.passed,
    warned.check_name is not null as warned_lately
from (
    select
        results.check_name,
        results.passed,
        row_number() over (
            partition by results.check_name
            order by results.checked_at desc
        ) as choice
    from quality_results as results
    inner join load_runs as own on results.run_id = own.run_id
    where
        own.run_id = {{ quoted(run_id) }}
        and results.checked_at >= own.began_at
) as latest
left join (
    select
        results.check_name,
        results.passed,
        row_number() over (
            partition by results.check_name
            order by results.window_end desc, results.checked_at desc
        ) as choice
    from quality_results as results
    inner join load_runs as runs on results.run_id = runs.run_id
    where
        -- Most checks have always passed.
        results.check_name in (
            select failing.check_name
            from quality_results as failing
            where not failing.passed
        )
        and results.window_end <= {{ literal(window().end) }}
        and case
            when runs.run_id <> {{ quoted(run_id) }}
                then results.severity = 'error' or runs.ended_at is not null
            when runs.failed_at is null then results.checked_at < runs.began_at
            else results.severity = 'error' and results.checked_at < runs.failed_at
        end
) as known on latest.check_name = known.check_name and known.choice = 1
left join (
    select results.check_name
    from quality_results as results
    inner join load_runs as runs on results.run_id = runs.run_id
    where
        runs.run_id <> {{ quoted(run_id) }}
        and runs.ended_at is not null
        and results.checked_at >= timestamp '{{ now() }}' - interval '1 day'
        and not results.passed
    group by results.check_name
) as warned on latest.check_name = warned.check_name
where
    latest.choice = 1
    and latest.passed <> coalesce(known.passed, true)
order by latest.check_name
