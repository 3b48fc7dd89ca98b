"""Examinations of a deployment, before any data is loaded."""
