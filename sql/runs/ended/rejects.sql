-- Rejects are kept for a set time.
delete from rejected_rows
where rejected_at < timestamp '{{ kept_since() }}'
