-- One row per migration of sql/migrations that these tables have, as they were migrated or created
-- with it.
create table if not exists schema_migrations (
    {{ primary_key("migration") }}
    migration varchar(128) not null,  -- name of its file in sql/migrations
    applied_at timestamp not null  -- UTC
)
