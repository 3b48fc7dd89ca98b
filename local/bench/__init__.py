"""Benchmarks: compared with the floor, with other loaders, and as history grows."""
