-- What the run loaded of each whole hour, and from what, except hours that newer readings claim
-- whole, or in part without having published it. Clears the damage. An hour of which a newer
-- reading has published a part is judged by what that reading sees.
update hour_loads
set
    loaded_by = {{ quoted(run_id) }},
    loaded_at = timestamp '{{ now() }}',
    -- A scalar subquery, as a join would look it up for each hour.
    loaded_reading = (
        {% include "fragments/own_reading.sql" %}
    ),
    events_loaded = loaded.events,
    content_loaded = loaded.content,
    files = loaded.files,
    rejects = loaded.rejects,
    damage = null
from (
    select
        covered.moment as hour_start,
        covered.files,
        covered.rejects,
        coalesce(staged.events, 0) as events,
        coalesce(staged.content, 0) as content
    from (
        -- Running sums of starts and ends show what covers an hour: a join of years of hours and
        -- files would take minutes.
        select
            moment,
            is_hour,
            sum(files) over (
                order by moment, is_hour
                rows between unbounded preceding and current row
            ) as files,
            sum(rejects) over (
                order by moment, is_hour
                rows between unbounded preceding and current row
            ) as rejects,
            sum(claims) over (
                order by moment, is_hour
                rows between unbounded preceding and current row
            ) as claims
        from (
            select hour_start as moment, 1 as is_hour, 0 as files, 0 as rejects, 0 as claims
            from hour_loads
            where {{ window().whole_hours.holds("hour_start") }}
            union all
            -- A file's own time, without the slack before and after it.
            select
                date_trunc('hour', span_start + {{ partition_slack() }}) as moment,
                0 as is_hour,
                count(etag) as files,
                sum(reject_count) as rejects,
                0 as claims
            from file_ledger
            where dataset = 'staging_events' and run_id = {{ quoted(run_id) }}
            group by span_start
            union all
            select
                span_end - {{ partition_slack() }} as moment,
                0 as is_hour,
                -count(etag) as files,
                -sum(reject_count) as rejects,
                0 as claims
            from file_ledger
            where dataset = 'staging_events' and run_id = {{ quoted(run_id) }}
            group by span_end
            union all
            select
                first_hour as moment,
                0 as is_hour,
                0 as files,
                0 as rejects,
                1 as claims
            from ({% include "fragments/hours_of_newer_claims.sql" %}) as begun
            union all
            select
                end_hour as moment,
                0 as is_hour,
                0 as files,
                0 as rejects,
                -1 as claims
            from ({% include "fragments/hours_of_newer_claims.sql" %}) as ended
        ) as steps
    ) as covered
    left join staged_hours as staged on covered.moment = staged.hour_start
    where
        covered.is_hour = 1
        and covered.claims = 0
) as loaded
where hour_loads.hour_start = loaded.hour_start
