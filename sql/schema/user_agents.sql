-- One row per user agent of a play, with the parts that ua-parser finds in it; null if it finds
-- none.
create table if not exists user_agents (
    {{ primary_key("user_agent") }}
    user_agent varchar(1024) not null,  -- as delivered
    browser varchar(1024),  -- such as Chrome
    operating_system varchar(1024),  -- such as Windows
    device varchar(1024)  -- such as iPhone; null for most computers, which do not name theirs
)
