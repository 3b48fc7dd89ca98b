-- Hours of the range just audited; clears their damage.
update hour_loads
set damage = null
where
    {{ in_range("hour_start") }}
    and damage is not null
