-- The loaded versions of all song files, so the next run reads every file again.
delete from song_files
