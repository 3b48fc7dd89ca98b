"""Sources of files: folders and buckets, and which file holds which time."""
