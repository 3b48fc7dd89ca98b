"""A run's own record: its steps, its summary, the state of each hour, and alerts."""
