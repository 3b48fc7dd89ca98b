"""The operators that the DAGs chain."""
