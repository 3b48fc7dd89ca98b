"""The operators of the DAGs."""
