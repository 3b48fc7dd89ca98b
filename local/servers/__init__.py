"""Embedded servers for the local deployment and the tests: PostgreSQL and S3."""
