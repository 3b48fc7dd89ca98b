"""Commands that this project adds to Airflow's own command line."""
