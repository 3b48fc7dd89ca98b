-- One row per key, or kind of a column's values, that no run has found before, and per column that
-- no record of a sample fills, though by the share of the ten samples before it five should.
with found as (
    select
        keys.dataset,
        min(keys.source_file) as source_file,
        case
            when max(begun.dataset) is null then 'first seen'
            when keys.column_name is null then 'new key'
            when max(known.kind) is not null then 'new kind'
            else 'first seen'
        end as change,
        keys.key_name,
        keys.column_name,
        keys.kind,
        max(keys.record_count) as record_count
    from file_keys as keys
    left join (
        select distinct dataset
        from key_changes
    ) as begun on keys.dataset = begun.dataset
    left join key_changes as known
        on
            keys.dataset = known.dataset
            and coalesce(keys.column_name, keys.key_name)
            = coalesce(known.column_name, known.key_name)
            and known.change <> 'not filled'
    where
        keys.reading in (
            select own.reading
            from file_ledger as own
            where own.run_id = {{ quoted(run_id) }}
        )
        and (keys.column_name is null or keys.kind <> 'null')
    group by keys.dataset, keys.key_name, keys.column_name, keys.kind
    -- Of a key without a column the kind does not matter.
    having
        count(
            case when known.kind = keys.kind or keys.column_name is null then known.kind end
        ) = 0
),

-- Other files before the run's own, and other readings of songs.
files_before as (
    select
        events.reading,
        events.source_file
    from (
        select
            reading,
            source_file
        from file_ledger
        where
            dataset = 'staging_events'
            and published_at is not null
            and span_start < (
                select min(own.span_start)
                from file_ledger as own
                where own.run_id = {{ quoted(run_id) }}
            )
        order by span_start desc, reading desc
        limit 10
    ) as events
    union all
    select distinct
        keys.reading,
        keys.source_file
    from file_keys as keys
    inner join file_ledger as ledger
        on
            keys.source_file = ledger.source_file
            and keys.reading = ledger.reading
    where
        keys.dataset = 'staging_songs'
        and ledger.published_at is not null
        and ledger.run_id <> {{ quoted(run_id) }}
),

-- Not by a join with the keys of each sample: without statistics that would be planned badly.
samples as (
    select
        keys.dataset,
        keys.reading,
        keys.sample,
        keys.is_own,
        max(keys.source_file) as source_file,
        max(keys.span_start) as span_start,
        max(keys.sampled_count) as records,
        columns.key_name,
        columns.column_name,
        sum(
            case
                when keys.column_name = columns.column_name and keys.kind <> 'null'
                    then keys.record_count
                else 0
            end
        ) as filled
    from (
        select
            dataset,
            reading,
            sample,
            source_file,
            span_start,
            column_name,
            kind,
            record_count,
            sampled_count,
            1 as is_own
        from file_keys
        where
            reading in (
                select own.reading
                from file_ledger as own
                where own.run_id = {{ quoted(run_id) }}
            )
        union all
        select
            before.dataset,
            before.reading,
            before.sample,
            before.source_file,
            before.span_start,
            before.column_name,
            before.kind,
            before.record_count,
            before.sampled_count,
            0 as is_own
        from file_keys as before
        inner join files_before
            on
                before.reading = files_before.reading
                and before.source_file = files_before.source_file
    ) as keys
    inner join (
        select
            dataset,
            column_name,
            max(key_name) as key_name
        from key_changes
        where column_name is not null
        group by dataset, column_name
    ) as columns on keys.dataset = columns.dataset
    group by
        keys.dataset, keys.reading, keys.sample, keys.is_own, columns.key_name, columns.column_name
),

compared as (
    select
        dataset,
        source_file,
        is_own,
        key_name,
        column_name,
        records,
        filled,
        sum(filled) over (
            partition by dataset, column_name
            order by span_start, reading, sample
            rows between 10 preceding and 1 preceding
        ) as filled_before,
        sum(records) over (
            partition by dataset, column_name
            order by span_start, reading, sample
            rows between 10 preceding and 1 preceding
        ) as records_before,
        sum(case when filled = 0 then records else 0 end) over (
            partition by dataset, column_name
            order by span_start, reading, sample
            rows between 10 preceding and 1 preceding
        ) as without_before
    from samples
)

select
    dataset,
    source_file,
    change,
    key_name,
    column_name,
    kind,
    record_count,
    {{ quoted(run_id) }} as run_id,
    timestamp '{{ now() }}' as found_at
from found
{%- if changes_only is defined %}
where change <> 'first seen'
{%- endif %}
union all
select
    compared.dataset,
    compared.source_file,
    'not filled' as change,
    max(compared.key_name) as key_name,
    compared.column_name,
    cast(null as varchar(16)) as kind,
    max(compared.records) as record_count,
    {{ quoted(run_id) }} as run_id,
    timestamp '{{ now() }}' as found_at
from compared
left join key_changes as known
    on
        compared.dataset = known.dataset
        and compared.source_file = known.source_file
        and compared.column_name = known.column_name
        and known.change = 'not filled'
where
    compared.is_own = 1
    and compared.filled = 0
    and compared.filled_before * compared.records >= 5 * compared.records_before
    -- In a source of two kinds of files it is missing again and again.
    and compared.filled_before * compared.without_before < 5 * compared.records_before
    and known.dataset is null
group by compared.dataset, compared.source_file, compared.column_name
