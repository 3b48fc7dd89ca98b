-- That song files were read: the next run reads all of them again.
delete from file_ledger
where dataset = 'staging_songs'
