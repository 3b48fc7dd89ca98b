-- For each kind of file, the share of records that could not be loaded stays below the limit.
-- The share of songs is of the whole catalogue: one broken file among thousands stops no run. An
-- event that is cut off at the end of its file may just be being written, so it counts as not read.
-- returns: value
-- limit: {{ reject_limit() }}
-- quotes: dataset, rejected_records, of_records_read, loaded_before,
--     of_another_time_than_their_file
-- fix: Nothing was published. See rejected_rows for file, line and reason. For records outside
--     their file's time, set sparkify_partition_timezone to the zone in which files are cut, or
--     sparkify_partition_slack to the hours that lines may stray. For others, fix the source files
--     or raise sparkify_reject_limit. Then clear the run's stage_* tasks.
select
    case
        when ledger.rejected = coalesce(reasons.unfinished, 0) then 0
        else
            cast(ledger.rejected - coalesce(reasons.unfinished, 0) as double precision)
            / (ledger.records - coalesce(reasons.unfinished, 0) + coalesce(kept.records, 0))
    end as share,
    ledger.dataset,
    ledger.rejected - coalesce(reasons.unfinished, 0) as rejected_records,
    ledger.records - coalesce(reasons.unfinished, 0) as of_records_read,
    coalesce(kept.records, 0) as loaded_before,
    coalesce(reasons.strays, 0) as of_another_time_than_their_file
from (
    select
        dataset,
        sum(reject_count) as rejected,
        sum(row_count + reject_count) as records
    from file_ledger
    where run_id = {{ quoted(run_id) }}
    group by dataset
) as ledger
left join (
    select cast('staging_songs' as varchar(64)) as dataset, sum(song_files.songs) as records
    from song_files
    left join file_ledger as read_now
        on
            song_files.source_file = read_now.source_file
            and read_now.dataset = 'staging_songs'
            and read_now.run_id = {{ quoted(run_id) }}
    where
        read_now.source_file is null
        -- Most runs read no song files.
        and exists (
            select 1
            from file_ledger as own
            where
                own.dataset = 'staging_songs'
                and own.run_id = {{ quoted(run_id) }}
        )
) as kept on ledger.dataset = kept.dataset
left join (
    select
        dataset,
        sum(
            case when reason like '% is outside of what the file may hold%' then 1 else 0 end
        ) as strays,
        sum(
            case
                when dataset = 'staging_events' and reason like '%, in an unfinished last line'
                    then 1
                else 0
            end
        ) as unfinished
    from rejected_rows
    where
        run_id = {{ quoted(run_id) }}
        and resolved_by is null
    group by dataset
) as reasons on ledger.dataset = reasons.dataset
order by 1 desc, 2
limit 1
