-- Older versions of the files whose songs this run has brought into the mirror.
delete from song_files
where source_file in ({% include "song_files/newest.sql" %})
