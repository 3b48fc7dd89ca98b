create table if not exists staging_events (
    artist varchar(1024),
    auth varchar(32),
    firstname varchar(256),
    gender varchar(16),
    iteminsession integer,
    lastname varchar(256),
    length double precision,
    level varchar(16),
    location varchar(512),
    method varchar(16),
    page varchar(64),
    registration double precision,
    sessionid bigint,
    song varchar(1024),
    status integer,
    ts timestamp not null,
    useragent varchar(1024),
    userid bigint
)
diststyle even;
create table if not exists staging_songs (
    num_songs integer,
    artist_id varchar(32) not null,
    artist_latitude double precision,
    artist_longitude double precision,
    artist_location varchar(1024),
    artist_name varchar(1024),
    song_id varchar(32) not null,
    title varchar(1024),
    duration double precision,
    year integer,
    primary key (song_id)
)
diststyle all sortkey (song_id);
create table if not exists songplays (
    songplay_id varchar(32) not null,
    start_time timestamp not null,
    user_id bigint not null,
    level varchar(16),
    song_id varchar(32),
    artist_id varchar(32),
    session_id bigint not null,
    location varchar(512),
    user_agent varchar(1024),
    item_in_session integer not null,
    song_title varchar(1024),
    artist_name varchar(1024),
    duration double precision,
    match_rule varchar(16),
    primary key (songplay_id)
)
diststyle even sortkey (start_time);
create table if not exists user_events (
    event_time timestamp not null,
    user_id bigint not null,
    session_id bigint,
    item_in_session integer,
    page varchar(64),
    level varchar(16),
    first_name varchar(256),
    last_name varchar(256),
    gender varchar(16)
)
diststyle even sortkey (event_time);
create table if not exists user_levels (
    user_id bigint not null,
    level varchar(16),
    valid_from timestamp not null,
    valid_to timestamp,
    primary key (user_id, valid_from)
)
diststyle all sortkey (user_id, valid_from);
create table if not exists users (
    user_id bigint not null,
    first_name varchar(256),
    last_name varchar(256),
    gender varchar(16),
    level varchar(16),
    last_seen_at timestamp not null,
    primary key (user_id)
)
diststyle all sortkey (user_id);
create table if not exists songs (
    song_id varchar(32) not null,
    title varchar(1024),
    artist_id varchar(32) not null,
    year integer,
    duration double precision,
    artist_name varchar(1024),
    primary key (song_id)
)
diststyle all sortkey (song_id);
create table if not exists artists (
    artist_id varchar(32) not null,
    name varchar(1024),
    location varchar(1024),
    latitude double precision,
    longitude double precision,
    taken_from_song_id varchar(32) not null,
    primary key (artist_id)
)
diststyle all sortkey (artist_id);
create table if not exists time (
    start_time timestamp not null,
    hour smallint not null,
    day smallint not null,
    week smallint not null,
    month smallint not null,
    year smallint not null,
    weekday smallint not null,
    primary key (start_time)
)
diststyle all sortkey (start_time);
create table if not exists session_hours (
    hour_start timestamp not null,
    user_id bigint not null,
    session_id bigint not null,
    level varchar(16),
    location varchar(512),
    plays integer not null,
    first_play timestamp not null,
    last_play timestamp not null
)
diststyle even sortkey (hour_start);
create table if not exists song_days (
    day date not null,
    song_title varchar(1024),
    artist_name varchar(1024),
    duration double precision,
    plays integer not null
)
diststyle even sortkey (day);
create table if not exists repaired_names (
    delivered varchar(1024) not null,
    repaired varchar(1024) not null,
    primary key (delivered)
)
diststyle all;
create table if not exists rejected_rows (
    dataset varchar(64) not null,
    source varchar(1024) not null,
    source_file varchar(1024) not null,
    line_number bigint,
    column_name varchar(128),
    reason varchar(4096) not null,
    raw_text varchar(65535),
    run_id varchar(250) not null,
    rejected_at timestamp not null,
    resolved_by varchar(250),
    resolved_at timestamp
)
diststyle even sortkey (rejected_at);
create table if not exists file_ledger (
    dataset varchar(64) not null,
    source varchar(1024) not null,
    source_file varchar(1024) not null,
    run_id varchar(250) not null,
    window_start timestamp not null,
    window_end timestamp not null,
    span_start timestamp,
    span_end timestamp,
    etag varchar(256),
    size_bytes bigint not null,
    line_count bigint,
    folded_count bigint,
    row_count bigint not null,
    reject_count bigint not null,
    read_at timestamp not null,
    published_at timestamp
)
diststyle even sortkey (read_at);
create table if not exists load_runs (
    run_id varchar(250) not null,
    window_start timestamp not null,
    window_end timestamp not null,
    objects bigint,
    missing bigint,
    bytes bigint,
    lines bigint,
    folded bigint,
    staged bigint,
    rejected bigint,
    plays_staged bigint,
    plays_duplicate bigint,
    plays_published bigint,
    plays_matched bigint,
    began_at timestamp not null,
    staged_at timestamp,
    published_at timestamp,
    ended_at timestamp,
    failed_at timestamp,
    failed_task varchar(250),
    stage_seconds double precision,
    load_seconds double precision,
    check_seconds double precision,
    primary key (run_id)
)
diststyle all sortkey (window_start);
create table if not exists hour_loads (
    hour_start timestamp not null,
    asked_by varchar(250) not null,
    loaded_by varchar(250),
    loaded_at timestamp,
    plays bigint not null,
    events_loaded bigint,
    events_in_files bigint,
    files_read_at timestamp,
    files bigint,
    rejects bigint,
    primary key (hour_start)
)
diststyle all sortkey (hour_start);
create table if not exists quality_results (
    run_id varchar(250) not null,
    task_id varchar(250) not null,
    window_start timestamp not null,
    window_end timestamp not null,
    check_name varchar(128) not null,
    severity varchar(16) not null,
    scope varchar(16) not null,
    value double precision,
    limit_value double precision not null,
    passed boolean not null,
    seconds double precision not null,
    checked_at timestamp not null
)
diststyle even sortkey (checked_at);
