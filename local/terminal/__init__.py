"""The terminal: progress display, user-facing errors and signals."""
