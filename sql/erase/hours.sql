-- The figures of the hours without forgotten users. Content that was loaded and content in the files
-- lose the same, so an hour that was outdated stays so, and no other becomes it by this. Copies of an
-- event are not kept, so they stay in both, until the file is read again.
update hour_loads
set
    plays = hour_loads.plays - erased.plays,
    plays_version = hour_loads.plays_version - erased.plays_version,
    user_events = hour_loads.user_events - erased.user_events,
    user_events_version = hour_loads.user_events_version - erased.user_events_version,
    events_loaded = hour_loads.events_loaded - erased.user_events,
    events_in_files = hour_loads.events_in_files - erased.user_events,
    content_loaded = hour_loads.content_loaded - erased.content,
    content_in_files = hour_loads.content_in_files - erased.content
from erased_hours as erased
where hour_loads.hour_start = erased.hour_start
