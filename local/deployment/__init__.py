"""The local deployment: Airflow, its PostgreSQL and a source on one machine."""
