"""What exists only for one machine: the runner, the embedded PostgreSQL, the event simulator."""
