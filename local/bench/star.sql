create table staging_events as
select *, make_timestamp(ts * 1000) as start_time, try_cast(userId as bigint) as user_id
from read_json('FOLDER/log_data/*/*/*.json', format = 'newline_delimited', columns = {
    artist: 'varchar', auth: 'varchar', firstName: 'varchar', gender: 'varchar',
    itemInSession: 'integer', lastName: 'varchar', length: 'double', level: 'varchar',
    location: 'varchar', method: 'varchar', page: 'varchar', registration: 'double',
    sessionId: 'bigint', song: 'varchar', status: 'integer', ts: 'bigint', userAgent: 'varchar',
    userId: 'varchar'});
create table staging_songs as
select * from read_json('FOLDER/song_data/*/*/*/*.json', columns = {
    num_songs: 'integer', artist_id: 'varchar', artist_latitude: 'double',
    artist_longitude: 'double', artist_location: 'varchar', artist_name: 'varchar',
    song_id: 'varchar', title: 'varchar', duration: 'double', year: 'integer'});
create table songs (song_id varchar primary key, title varchar, artist_id varchar, year integer,
    duration double, artist_name varchar);
insert into songs
select song_id, title, artist_id, nullif(year, 0), duration, artist_name from staging_songs;
create table artists (artist_id varchar primary key, name varchar, location varchar,
    latitude double, longitude double, taken_from_song_id varchar);
insert into artists
select artist_id, artist_name, nullif(artist_location, ''), artist_latitude, artist_longitude, song_id
from staging_songs
qualify row_number() over (partition by artist_id order by artist_location = '', song_id) = 1;
create table users (user_id bigint primary key, first_name varchar, last_name varchar,
    gender varchar, level varchar, last_seen_at timestamp);
insert into users
select user_id, firstName, lastName, gender, level, start_time
from staging_events where user_id is not null
qualify row_number() over (partition by user_id order by ts desc, itemInSession desc) = 1;
create table time (start_time timestamp primary key, hour smallint, day smallint, week smallint,
    month smallint, year smallint, weekday smallint);
insert into time
select start_time, hour(start_time), day(start_time), week(start_time), month(start_time),
    year(start_time), dayofweek(start_time)
from (select distinct start_time from staging_events where page = 'NextSong' and user_id is not null)
order by start_time;
create table songplays (songplay_id varchar primary key, start_time timestamp, user_id bigint,
    level varchar, song_id varchar, artist_id varchar, session_id bigint, location varchar,
    user_agent varchar, item_in_session integer, song_title varchar, artist_name varchar,
    duration double);
insert into songplays
select
    strftime(start_time, '%Y%m%d%H%M%S%g')
    || substring(md5(user_id || '-' || sessionId || '-' || itemInSession), 1, 15) as songplay_id,
    start_time, user_id, level, songs.song_id, songs.artist_id, sessionId, location, userAgent,
    itemInSession, song, artist, length
from staging_events
left join songs
    on song = songs.title and artist = songs.artist_name and length = songs.duration
where page = 'NextSong' and user_id is not null
qualify row_number() over (partition by songplay_id order by songs.song_id) = 1
order by songplay_id
