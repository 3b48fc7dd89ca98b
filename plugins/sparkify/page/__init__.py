"""The page in Airflow's web UI: questions asked of the warehouse, and their answers as charts."""
