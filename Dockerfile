# Airflow with this project in it: complete by itself, so that it also runs where nothing is mounted.
FROM apache/airflow:3.3.2

COPY requirements.txt ./
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" -r requirements.txt \
    apache-airflow-providers-smtp apache-airflow-providers-slack

COPY pyproject.toml README.md ./
COPY dags dags
COPY sql sql
COPY plugins plugins
# In place, as Airflow reads it: what is mounted over plugins/ is what runs. Adds `airflow dags backfill`.
RUN pip install --no-cache-dir --no-deps --editable .
