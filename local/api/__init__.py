"""A client of the REST API of Airflow."""
