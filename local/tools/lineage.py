"""``make lineage``: record the OpenLineage events of one run, and draw what they say."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from local.deployment.environment import SOURCE_VARIABLE, WAREHOUSE_CONNECTION
from local.servers.postgres import METADATA, EmbeddedPostgres
from local.simulator import World, simulate
from local.terminal.errors import UserError

ROOT = Path(__file__).parents[2]
WORLD = World(start=date(2018, 11, 1), days=1, users=60, songs=20)
HOUR = datetime(2018, 11, 1, 18, tzinfo=UTC)
WAREHOUSE = "sparkify"
SHOWN_SOURCE = "/srv/sparkify"
ENDED = "The run has ended: "
NO_ID = "00000000-0000-0000-0000-000000000000"

EVENTS = Path("docs") / "lineage" / "run.json"
PAGE = Path("docs") / "lineage" / "README.md"
HEAD = """\
# The lineage of one run

Written by `make lineage`, which loads an hour of simulated listening into PostgreSQL and records
what the tasks tell OpenLineage. [run.json](run.json) has the events of the tasks that succeeded,
without Airflow's own facets and with constant times and ids;
[lineage and metrics](../lineage-and-metrics.md) tells how to switch them on.

## Where columns come from

An arrow leads from the files or the table that a column comes from to the table that holds it, and
names the task that loads it. The bookkeeping is left out. A run's own staging table goes by what it
is modelled on, and `staging_songs` is also the catalogue's mirror.

"""


def main() -> int:
    """Record the events of a run, and write the documents; tell whether that could be done."""
    try:
        write_documents()
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def write_documents() -> None:
    """Record the events of a run, and write what they show."""
    with tempfile.TemporaryDirectory(prefix="sparkify-") as folder:
        source = Path(folder) / "source"
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        postgres.start()
        try:
            simulate(source, WORLD)
            postgres.create_database(WAREHOUSE)
            os.environ |= {
                "AIRFLOW_HOME": str(Path(folder) / "airflow"),
                "AIRFLOW__CORE__DAGS_FOLDER": str(Path.cwd() / "dags"),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.uri(
                    METADATA, "postgresql+psycopg2"
                ),
                WAREHOUSE_CONNECTION: postgres.connection(WAREHOUSE),
                SOURCE_VARIABLE: source.as_uri(),
            }
            # Airflow reads its settings on import, so import it after they are set.
            from airflow.dag_processing.dagbag import DagBag
            from airflow.settings import dispose_orm
            from airflow.utils.db import initdb

            from local.servers.databases import create_tables

            initdb()
            dags = DagBag().dags
            create_tables(postgres, WAREHOUSE, dags["sparkify_schema"])
            with Recorder(Path(folder) / "events.json") as recorder:
                state, events = recorder.run()
            if state != "success":
                raise UserError(f"The run has {state}; its errors are above.")
            dispose_orm()
        finally:
            postgres.stop()
        shown = completed(events, dags["sparkify"].task_ids, source.as_uri(), WAREHOUSE)
    for target, text in documents(shown).items():
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        print(f"Wrote {target}.")


class Recorder:
    """
    A process that runs the DAG for an hour whenever it is asked to, and records the events.

    It is one for several runs, because its imports take many times as long as a run.

    :param file: where it writes the events
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        transport = {"type": "file", "log_file_path": str(file), "append": True}
        self._recording = {
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "sparkify",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from local.tools.lineage import serve; serve()"],
            cwd=ROOT,
            env=os.environ | self._recording,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self) -> tuple[str, list[dict[str, Any]]]:
        """Run the DAG in this program's environment, and return how it ended and its events."""
        before = len(self._events())
        stdin, stdout = self._process.stdin, self._process.stdout
        print(json.dumps(os.environ | self._recording), file=stdin, flush=True)
        for line in stdout or ():
            if line.startswith(ENDED):
                return line.removeprefix(ENDED).strip(), self._events()[before:]
            sys.stdout.write(line)
        raise UserError("The process that runs the DAG has ended; see above.")

    def _events(self) -> list[dict[str, Any]]:
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [json.loads(line) for line in lines]


def serve() -> None:
    """Run the DAG, as Airflow's task runner does, in each environment that stdin names."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.providers.openlineage.plugins.listener import get_openlineage_listener

    from sparkify.settings import setting

    for line in sys.stdin:
        os.environ.clear()
        os.environ.update(json.loads(line))
        setting.cache_clear()
        ended = DagBag().dags["sparkify"].test(logical_date=HOUR)
        # Wait for the processes that emit the events of the run itself.
        get_openlineage_listener().before_stopping(None)
        print(f"{ENDED}{ended.state}", flush=True)


def completed(
    events: Sequence[dict[str, Any]], tasks: Iterable[str], source: str, database: str
) -> list[dict[str, Any]]:
    """Return the events of the tasks that have succeeded, as they would be anywhere."""
    text = json.dumps([event for event in events if event["eventType"] == "COMPLETE"])
    text = text.replace(source.removeprefix("file://"), SHOWN_SOURCE)
    text = text.replace(f'"{database}.', f'"{WAREHOUSE}.')
    by_name = {event["job"]["name"]: event for event in json.loads(text)}
    names = [f"sparkify.{task}" for task in tasks]
    return [_shortened(by_name[name]) for name in names if name in by_name]


def _shortened(event: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs from run to run, and what is Airflow's own."""
    window = event["run"]["facets"]["executionParameters"]
    event["eventTime"] = HOUR.isoformat()
    event["run"] = {"runId": NO_ID, "facets": {"executionParameters": window}}
    event["job"]["facets"] = {}
    unversioned = re.sub(r"(/tree/[a-z-]*)/?[\d.]+[^\"]*", r"\1", json.dumps(event, sort_keys=True))
    shortened: dict[str, Any] = json.loads(unversioned)
    return shortened


def documents(events: Sequence[dict[str, Any]]) -> dict[Path, str]:
    """Return the texts of the documents."""
    return {
        EVENTS: json.dumps(events, indent=1) + "\n",
        PAGE: HEAD + _graph(events) + _list(events),
    }


def _graph(events: Sequence[dict[str, Any]]) -> str:
    """Draw where the columns of each table come from."""
    edges = dict.fromkeys(edge for event in events for edge in _edges(event))
    edges |= dict.fromkeys(_views({edge[0] for edge in edges}))
    names = dict.fromkeys(name for edge in edges for name in edge[:2])
    nodes = {name: f"n{number}" for number, name in enumerate(names)}
    shapes = [
        f'    {node}[/"{name}"/]' if "/" in name else f'    {node}[("{name}")]'
        for name, node in nodes.items()
    ]
    arrows = [f"    {nodes[one]} -- {task} --> {nodes[other]}" for one, other, task in edges]
    return "\n".join(["```mermaid", "flowchart LR", *shapes, *arrows, "```", ""])


def _edges(event: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    from sparkify.runs.steps import BOOKKEEPING

    left_out = {*BOOKKEEPING, "song_files"}
    task = event["job"]["name"].rpartition(".")[2]
    files = {
        one["name"].removeprefix(f"{SHOWN_SOURCE}/").partition("/")[0] + "/"
        for one in event["inputs"]
        if one["namespace"] == "file"
    }
    for output in event["outputs"]:
        name = _table(output["name"])
        if name in left_out:
            continue
        if name.startswith("staging") and task.startswith("stage"):
            yield from ((folder, name, task) for folder in sorted(files))
        fields = output["facets"].get("columnLineage", {}).get("fields", {})
        origins = {_table(one["name"]) for field in fields.values() for one in field["inputFields"]}
        yield from ((one, name, task) for one in sorted(origins - left_out - {name}))


def _views(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what the views among these are based on."""
    from sparkify.lineage import Executed, Lineage, Location
    from sparkify.macros import sql_files, statement

    for view, file in sql_files("views").items():
        if view in names:
            lineage = Lineage(Location("postgres:", ""))
            lineage.add(Executed(statement(file)))
            yield from ((_table(one.name), view, "view") for one in lineage.facets().inputs)


def _table(name: str) -> str:
    return name.rpartition(".")[2]


def _list(events: Sequence[dict[str, Any]]) -> str:
    """List what each task reads and writes."""
    lines = [
        "",
        "## What each task reads and writes",
        "",
        "| task | reads | writes, rows | checks |",
    ]
    lines.append("|---|---|---|---|")
    for event in events:
        reads = [_shown(one) for one in event["inputs"]]
        writes = [_shown(one) + _rows(one) for one in event["outputs"]]
        checks = {
            check["assertion"]
            for one in event["inputs"]
            for check in one["inputFacets"].get("dataQualityAssertions", {}).get("assertions", [])
        }
        task = event["job"]["name"].rpartition(".")[2]
        cells = [f"`{task}`", _some(reads), ", ".join(writes), str(len(checks) or "")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _shown(dataset: dict[str, Any]) -> str:
    if dataset["namespace"] == "file":
        return f"`{dataset['name'].removeprefix(SHOWN_SOURCE + '/')}`"
    return f"`{_table(dataset['name'])}`"


def _some(names: Sequence[str]) -> str:
    files = [name for name in names if "/" in name]
    more = [f"and {len(files) - 1} more files"] if len(files) > 1 else []
    return ", ".join([*files[:1], *more, *(name for name in names if "/" not in name)])


def _rows(dataset: dict[str, Any]) -> str:
    facet = dataset["outputFacets"].get("outputStatistics")
    return f" {facet['rowCount']}" if facet else ""


if __name__ == "__main__":
    sys.exit(main())
