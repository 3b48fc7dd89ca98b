"""Load Sparkify's logs and song files into a star schema of what its users listen to."""

__version__ = "0.2.0"
