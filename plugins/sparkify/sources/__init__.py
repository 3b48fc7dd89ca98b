"""Where files are: folders and buckets, and which file holds which time."""
