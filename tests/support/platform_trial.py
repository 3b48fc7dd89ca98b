"""One day staged and loaded by whatever Airflow runs this: a program, started by a test."""

import json
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.serialization import serialized_objects

from local.tools.pipeline import Pipeline

bag = DagBag(dag_folder="dags")
assert not bag.import_errors, bag.import_errors
serialization: Any = serialized_objects
# Airflow 3.3 has a class of its own for it.
written = getattr(serialization, "DagSerialization", None) or serialization.SerializedDAG
for dag in bag.dags.values():
    json.dumps(written.to_dict(dag))
schema = Pipeline(bag.dags["sparkify_schema"])
for task_id in ("create_tables", "create_views", "create_answers"):
    schema.run_task(task_id, schema.context())
Pipeline(bag.dags["sparkify"]).run("2018-11-15", "2018-11-16")
