"""Stages Sparkify's logs and song files, and keeps a star schema of what its users listen to."""
