-- Every play's user is in the users dimension.
-- fix: Clear the run's load_users task and those after it.
select songplays.songplay_id, songplays.user_id
from songplays
left join users on songplays.user_id = users.user_id
where
    {{ window().holds("songplays.start_time") }}
    and users.user_id is null
