"""The laptop edition: Airflow, its PostgreSQL and a source on one machine."""
