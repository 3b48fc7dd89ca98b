insert into artists (artist_id, name, location, latitude, longitude, taken_from_song_id) values
    ('ARTEST01', 'The Testers', null, null, null, 'SOTEST01'),
    ('ARTEST02', 'Others', null, null, null, 'SOTEST02');
insert into file_ledger (dataset, source, source_file, run_id, window_start, window_end, span_start, span_end, etag, size_bytes, line_count, folded_count, row_count, reject_count, read_at, published_at) values
    ('staging_events', 'SOURCE', 'log_data/2018/11/2018-11-15-events.json', 'test__3', '2018-11-15 10:00:00', '2018-11-15 11:00:00', '2018-11-15 00:00:00', '2018-11-16 00:00:00', '1795747271808070726-1138', 1138, 4, 0, 3, 1, '2026-11-27 02:41:18.576887', '2026-11-27 02:41:20.435111'),
    ('staging_songs', 'SOURCE', 'song_data/A/B/C/TRSOTEST01.json', 'test__3', '2018-11-15 10:00:00', '2018-11-15 11:00:00', null, null, '1795747271808521597-222', 222, 1, 0, 1, 0, '2026-11-27 02:41:20.142674', '2026-11-27 02:41:20.435111'),
    ('staging_songs', 'SOURCE', 'song_data/A/B/C/TRSOTEST02.json', 'test__3', '2018-11-15 10:00:00', '2018-11-15 11:00:00', null, null, '1795747271808643347-218', 218, 1, 0, 1, 0, '2026-11-27 02:41:20.142674', '2026-11-27 02:41:20.435111'),
    ('staging_events', 'SOURCE', 'log_data/2018/11/2018-11-15-events.json', 'test__4', '2018-11-15 11:00:00', '2018-11-15 12:00:00', '2018-11-15 00:00:00', '2018-11-16 00:00:00', '1795747271808070726-1138', 1138, 4, 0, 3, 1, '2026-11-27 02:41:20.657616', '2026-11-27 02:41:20.857065');
insert into hour_loads (hour_start, asked_by, loaded_by, loaded_at, plays, events_loaded, events_in_files, files_read_at, files, rejects) values
    ('2018-11-15 11:00:00', 'test__4', 'test__4', '2026-11-27 02:41:20.870287', 1, 1, 1, '2026-11-27 02:41:20.657616', 1, 1),
    ('2018-11-15 10:00:00', 'test__3', 'test__3', '2026-11-27 02:41:20.444826', 2, 2, 2, '2026-11-27 02:41:20.657616', 1, 1);
insert into load_runs (run_id, window_start, window_end, objects, missing, bytes, lines, folded, staged, rejected, plays_staged, plays_duplicate, plays_published, plays_matched, began_at, staged_at, published_at, ended_at, failed_at, failed_task, stage_seconds, load_seconds, check_seconds) values
    ('test__3', '2018-11-15 10:00:00', '2018-11-15 11:00:00', 3, 0, 1578, 6, 0, 5, 1, 2, 0, 2, 1, '2026-11-27 02:41:18.541623', '2026-11-27 02:41:20.209112', '2026-11-27 02:41:20.436863', '2026-11-27 02:41:20.575026', null, null, 1.66756, 0.22777, 0.138192),
    ('test__4', '2018-11-15 11:00:00', '2018-11-15 12:00:00', 1, 0, 1138, 4, 0, 3, 1, 1, 0, 1, 1, '2026-11-27 02:41:20.621011', '2026-11-27 02:41:20.722585', '2026-11-27 02:41:20.859609', '2026-11-27 02:41:21.030749', null, null, 0.101619, 0.137049, 0.171159);
insert into quality_results (run_id, task_id, window_start, window_end, check_name, severity, scope, value, limit_value, passed, seconds, checked_at) values
    ('test__3', 'audit_staged', '2018-11-15 10:00:00', '2018-11-15 11:00:00', 'files_add_up', 'error', 'window', 0.0, 0.0, true, 0.0003759850005735643, '2026-11-27 02:41:20.224197');
insert into rejected_rows (dataset, source, source_file, line_number, column_name, reason, raw_text, run_id, rejected_at, resolved_by, resolved_at) values
    ('staging_events', 'SOURCE', 'log_data/2018/11/2018-11-15-events.json', 4, null, 'not JSON: unexpected character, expected a JSON value at character 1', 'broken', 'test__4', '2026-11-27 02:41:20.657616', null, null);
insert into session_hours (hour_start, user_id, session_id, level, location, plays, first_play, last_play) values
    ('2018-11-15 10:00:00', 1, 1, 'free', 'London, UK', 1, '2018-11-15 10:00:00', '2018-11-15 10:00:00'),
    ('2018-11-15 10:00:00', 2, 2, 'free', 'London, UK', 1, '2018-11-15 10:30:00', '2018-11-15 10:30:00'),
    ('2018-11-15 11:00:00', 1, 1, 'paid', 'London, UK', 1, '2018-11-15 11:10:00', '2018-11-15 11:10:00');
insert into song_days (day, song_title, artist_name, duration, plays) values
    ('2018-11-15', 'First Light', 'The Testers', 200.5, 2),
    ('2018-11-15', 'Unknown', 'The Testers', 200.5, 1);
insert into songplays (songplay_id, start_time, user_id, level, song_id, artist_id, session_id, location, user_agent, item_in_session, song_title, artist_name, duration, match_rule) values
    ('20181115100000000fbd2dc72528299e', '2018-11-15 10:00:00', 1, 'free', 'SOTEST01', 'ARTEST01', 1, 'London, UK', '"Mozilla/5.0"', 0, 'First Light', 'The Testers', 200.5, 'exact'),
    ('20181115103000000c3d8636ead5753e', '2018-11-15 10:30:00', 2, 'free', null, null, 2, 'London, UK', '"Mozilla/5.0"', 0, 'Unknown', 'The Testers', 200.5, null),
    ('201811151110000002f221a18eb86380', '2018-11-15 11:10:00', 1, 'paid', 'SOTEST01', 'ARTEST01', 1, 'London, UK', '"Mozilla/5.0"', 1, 'First Light', 'The Testers', 200.5, 'exact');
insert into songs (song_id, title, artist_id, year, duration, artist_name) values
    ('SOTEST01', 'First Light', 'ARTEST01', null, 200.5, 'The Testers'),
    ('SOTEST02', 'Second Light', 'ARTEST02', null, 200.5, 'Others');
insert into staging_songs (num_songs, artist_id, artist_latitude, artist_longitude, artist_location, artist_name, song_id, title, duration, year) values
    (1, 'ARTEST01', null, null, null, 'The Testers', 'SOTEST01', 'First Light', 200.5, 0),
    (1, 'ARTEST02', null, null, null, 'Others', 'SOTEST02', 'Second Light', 200.5, 0);
insert into time (start_time, hour, day, week, month, year, weekday) values
    ('2018-11-15 10:00:00', 10, 15, 46, 11, 2018, 4),
    ('2018-11-15 10:30:00', 10, 15, 46, 11, 2018, 4),
    ('2018-11-15 11:10:00', 11, 15, 46, 11, 2018, 4);
insert into user_events (event_time, user_id, session_id, item_in_session, page, level, first_name, last_name, gender) values
    ('2018-11-15 10:00:00', 1, 1, 0, 'NextSong', 'free', 'Ada', 'Lovelace', 'F'),
    ('2018-11-15 10:30:00', 2, 2, 0, 'NextSong', 'free', 'Grace', 'Lovelace', 'F'),
    ('2018-11-15 11:10:00', 1, 1, 1, 'NextSong', 'paid', 'Ada', 'Lovelace', 'F');
insert into user_levels (user_id, level, valid_from, valid_to) values
    (2, 'free', '2018-11-15 10:30:00', null),
    (1, 'free', '2018-11-15 10:00:00', '2018-11-15 11:10:00'),
    (1, 'paid', '2018-11-15 11:10:00', null);
insert into users (user_id, first_name, last_name, gender, level, last_seen_at) values
    (2, 'Grace', 'Lovelace', 'F', 'free', '2018-11-15 10:30:00'),
    (1, 'Ada', 'Lovelace', 'F', 'paid', '2018-11-15 11:10:00');
