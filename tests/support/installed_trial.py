"""
Print what a deployment finds of the project, as JSON: a program, started by a test.

Given a day's start and end, it loads that day first.
"""

import json
import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import get_import_errors, get_plugin_info

import sparkify

bag = DagBag()
found: dict[str, Any] = {
    "package": sparkify.__file__,
    "errors": list(bag.import_errors.values()) + list(get_import_errors().values()),
    "dags": sorted(bag.dags),
    "plugins": [plugin["name"] for plugin in get_plugin_info(["name"])],
}
if sys.argv[1:]:
    # The checkout's tools, after all that is the deployment's own.
    sys.path.append(str(Path(__file__).parents[2]))
    from local.tools.pipeline import Pipeline

    Pipeline(bag.dags["sparkify"]).run(*sys.argv[1:])
if not bag.import_errors:
    from sparkify.page.files import FILES
    from sparkify.page.questions import questions

    tasks: Any = bag.dags["sparkify"].task_dict
    found |= {
        "checks": {name: sorted(tasks[name].checks) for name in ("audit_staged", "check_quality")},
        "questions": sorted(questions()),
        "files": {name: len(file.read_bytes()) for name, file in FILES.items()},
    }
print(json.dumps(found))  # noqa: T201 - what the test reads
