-- An empty table that nobody reads. Redshift has only locks that also stop readers, so there a
-- transaction locks this table before it changes what other runs may change too.
create table if not exists write_mutex (
    nothing smallint  -- always empty
)
