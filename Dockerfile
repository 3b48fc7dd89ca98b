# Airflow with this project: self-contained, so that it also runs without mounts.
FROM apache/airflow:3.3.2

COPY requirements.txt ./
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" -r requirements.txt \
    apache-airflow-providers-smtp apache-airflow-providers-slack

COPY pyproject.toml README.md ./
COPY dags dags
COPY sql sql
COPY plugins plugins
# Editable, so that a mount over plugins/ takes effect. Adds `airflow dags backfill`.
RUN pip install --no-cache-dir --no-deps --editable .
