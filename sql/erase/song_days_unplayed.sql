-- Songs that nobody else played on that day.
delete from song_days
where plays = 0
