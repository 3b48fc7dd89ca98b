-- Which version of each song file is loaded: the next run reads all of them again.
delete from song_files
