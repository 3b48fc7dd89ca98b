{#- Record what the run has changed since the rows of a fragment were kept as rows_before. -#}

{%- macro record(rows) -%}
insert into load_changes (
    run_id, table_name, day, rows_before, rows_after, rows_added, rows_removed, rows_changed,
    users_before, users_after, files_changed, changed_file, changed_at
)
with rows_now as (
    {% include rows %}
),

touched as (
    -- Days that differ, of which there are few: only their rows are compared.
    select
        table_name,
        day
    from (
        select table_name, day, 1 as one, version
        from rows_before
        union all
        select table_name, day, -1 as one, -version as version
        from rows_now
    ) as both_times
    group by table_name, day
    having sum(one) <> 0 or sum(version) <> 0
),

was as (
    select
        rows_before.table_name,
        rows_before.day,
        rows_before.id,
        rows_before.user_id,
        rows_before.version
    from rows_before
    inner join touched
        on
            rows_before.table_name = touched.table_name
            and rows_before.day = touched.day
),

is_now as (
    select
        rows_now.table_name,
        rows_now.day,
        rows_now.id,
        rows_now.user_id,
        rows_now.version
    from rows_now
    inner join touched
        on
            rows_now.table_name = touched.table_name
            and rows_now.day = touched.day
),

compared as (
    select
        coalesce(was.table_name, is_now.table_name) as table_name,
        coalesce(was.day, is_now.day) as day,
        was.id as id_before,
        is_now.id as id_after,
        was.user_id as user_before,
        is_now.user_id as user_after,
        case when was.version <> is_now.version then 1 else 0 end as is_changed
    from was
    full outer join is_now
        on
            was.table_name = is_now.table_name
            and was.day = is_now.day
            and was.id = is_now.id
),

by_day as (
    select
        table_name,
        day,
        count(id_before) as rows_before,
        count(id_after) as rows_after,
        sum(case when id_before is null then 1 else 0 end) as rows_added,
        sum(case when id_after is null then 1 else 0 end) as rows_removed,
        sum(is_changed) as rows_changed,
        count(distinct user_before) as users_before,
        count(distinct user_after) as users_after
    from compared
    group by table_name, day
),

changed as (
    select *
    from by_day
    where rows_added + rows_removed + rows_changed > 0
),

files as (
    -- Files that are not as they were when an hour of the day was loaded before.
    select
        loaded.day,
        count(distinct read_now.source_file) as files_changed,
        min(read_now.source_file) as changed_file
    from (
        select distinct cast(hour_start as date) as day, loaded_reading as reading
        from hour_loads
        where
            {{ window().touched_hours.holds("hour_start") }}
            and loaded_by is not null
    ) as loaded
    inner join file_ledger as read_now
        on
            read_now.run_id = {{ quoted(run_id) }}
            and read_now.dataset = 'staging_events'
            and read_now.span_start < loaded.day + interval '1 day'
            and read_now.span_end > loaded.day
    left join file_ledger as read_then
        on
            read_now.source_file = read_then.source_file
            and read_now.dataset = read_then.dataset
            and loaded.reading = read_then.reading
    where coalesce(read_now.etag, '') <> coalesce(read_then.etag, '')
    group by loaded.day
)

select
    {{ quoted(run_id) }} as run_id,
    changed.table_name,
    changed.day,
    changed.rows_before,
    changed.rows_after,
    changed.rows_added,
    changed.rows_removed,
    changed.rows_changed,
    changed.users_before,
    changed.users_after,
    coalesce(files.files_changed, 0) as files_changed,
    files.changed_file,
    timestamp '{{ now() }}' as changed_at
from changed
left join files on changed.day = files.day
-- Songs change with the plays, which say why; what is left are repaired names.
where
    changed.table_name <> 'song_days'
    or changed.day not in (
        select plays.day
        from changed as plays
        where plays.table_name = 'songplays'
    )
{%- endmacro -%}
