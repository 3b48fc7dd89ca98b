-- The hours of a range that has just been audited: of none of them damage is known.
update hour_loads
set damage = null
where
    {{ in_range("hour_start") }}
    and damage is not null
