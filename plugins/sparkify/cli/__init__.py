"""The commands that this project adds to Airflow's command line."""
