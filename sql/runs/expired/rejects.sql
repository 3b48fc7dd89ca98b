-- Rejects past their retention.
delete from rejected_rows
where rejected_at < timestamp '{{ kept_since() }}'
