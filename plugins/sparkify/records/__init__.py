"""Parse files into typed rows, and into rejects with their reason."""
