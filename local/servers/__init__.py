"""Servers embedded for the laptop edition and the tests: PostgreSQL and S3."""
