-- Check results past the retention of rejects.
delete from quality_results
where checked_at < timestamp '{{ kept_since() }}'
