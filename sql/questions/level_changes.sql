-- Upgrades to paid and downgrades to free, latest first, with the user's last play in the day
-- before.
with spells as (
    select
        user_id,
        valid_from as changed_at,
        level,
        row_number() over (partition by user_id order by valid_from) as spell
    from user_levels
),

changes as (
    -- A user's first spell is not a change.
    select user_id, changed_at, level
    from spells
    where
        spell > 1
        and {{ in_range("changed_at") }}
    order by changed_at desc, user_id asc
    limit 1000
),

span as (
    -- Limits the plays to be read.
    select
        min(changed_at) - interval '1 day' as since,
        max(changed_at) as until
    from changes
),

ranked as (
    -- One row per change: the last play.
    select
        changes.changed_at,
        changes.user_id,
        changes.level,
        plays.song_title,
        plays.artist_name,
        plays.start_time,
        row_number() over (
            partition by changes.user_id, changes.changed_at
            order by plays.start_time desc, plays.songplay_id desc
        ) as recency
    from changes
    left join readable_songplays as plays
        on
            changes.user_id = plays.user_id
            and changes.changed_at > plays.start_time
            and changes.changed_at - interval '1 day' < plays.start_time
            and plays.start_time > (select span.since from span)
            and plays.start_time < (select span.until from span)
)

select
    changed_at,
    user_id,
    case when level = 'paid' then 'upgrade' else 'downgrade' end as change,
    song_title as title_before,
    artist_name as artist_before,
    start_time as played_at
from ranked
where recency = 1 or start_time is null
order by changed_at desc, user_id asc
