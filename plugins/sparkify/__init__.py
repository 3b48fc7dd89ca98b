"""Load Sparkify's logs and song files into a star schema of what its users listen to."""
