"""The page in Airflow's web UI: questions to the warehouse, and their answers as charts."""
