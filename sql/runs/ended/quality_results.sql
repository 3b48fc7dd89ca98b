-- Results of checks are kept as long as rejects.
delete from quality_results
where checked_at < timestamp '{{ kept_since() }}'
