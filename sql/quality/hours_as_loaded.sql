-- Hours loaded earlier from files that this run read again still match those files.
-- severity: warn
-- quotes: hour_start, events_in_files, events_loaded
-- fix: Events came later than the lookback, or the file was corrected. Load these hours again, with
--     a range run of sparkify or (both ends inclusive) airflow dags backfill --reset-dagruns -s
--     HOUR -e HOUR sparkify
select hour_start, events_in_files, events_loaded
from hour_loads
where
    loaded_by is not null
    and content_in_files <> content_loaded
    and (
        {{ in_event_files("hour_start") }}
        or {{ in_split_hours("hour_start") or "1 = 0" }}
    )
