-- Damaged hours, each with the damaged tables.
update hour_loads
set damage = found_damage.damage
from found_damage
where hour_loads.hour_start = found_damage.hour_start
