"""``make notebook``: run the notebook on the simulated sample, and keep what it shows."""

import os
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from playwright.sync_api import sync_playwright

from local.deployment.environment import SOURCE_VARIABLE, WAREHOUSE_CONNECTION
from local.deployment.sample import SAMPLE, make_sample
from local.servers.postgres import METADATA, USER, EmbeddedPostgres

NOTEBOOK = Path("notebooks") / "what_users_listen_to.ipynb"
WAREHOUSE = "sparkify"
FIGURE = "application/vnd.plotly.v1+json"
DRAW = """figure => Plotly.toImage(figure, {format: "png", width: 900, height: 480})"""
"""A picture, because GitHub shows no interactive figure."""


def main() -> int:
    """Load the sample, run the notebook on it, and write it with its outputs."""
    if not shutil.which("chromium"):
        print("Chromium, which draws the figures, is not installed: run `make browser`.")
        return 1
    with tempfile.TemporaryDirectory(prefix="sparkify-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        postgres.start()
        try:
            _load_sample(postgres, Path(folder))
            os.environ |= {
                "PGHOST": str(postgres.socket_folder),
                "PGUSER": USER,
                "PGDATABASE": WAREHOUSE,
                "IPYTHONDIR": f"{folder}/ipython",
                "JUPYTER_RUNTIME_DIR": f"{folder}/jupyter",
            }
            notebook = executed()
        finally:
            postgres.stop()
    _draw(notebook)
    nbformat.write(notebook, NOTEBOOK)  # type: ignore[no-untyped-call]  # it has no annotations
    print(f"Wrote {NOTEBOOK}.")
    return 0


def _load_sample(postgres: EmbeddedPostgres, folder: Path) -> None:
    make_sample(folder / "source")
    postgres.create_database(WAREHOUSE)
    os.environ |= {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path.cwd() / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.uri(METADATA, "postgresql+psycopg2"),
        WAREHOUSE_CONNECTION: postgres.connection(WAREHOUSE),
        SOURCE_VARIABLE: (folder / "source").as_uri(),
    }
    # Airflow reads its settings on import, so import it after they are set.
    from airflow.dag_processing.dagbag import DagBag
    from airflow.settings import dispose_orm

    from local.servers.databases import create_tables
    from local.tools.pipeline import Pipeline

    dags = DagBag().dags
    create_tables(postgres, WAREHOUSE, dags["sparkify_schema"])
    end = SAMPLE.start + timedelta(days=SAMPLE.days)
    Pipeline(dags["sparkify"]).run(str(SAMPLE.start), str(end))
    dispose_orm()


def executed() -> Any:
    """Run the notebook, in a kernel with this process's environment, and return it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # as above
    NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False).execute()
    return notebook


def _draw(notebook: Any) -> None:
    """Replace each figure by a picture of it."""
    from sparkify.page.files import LIBRARY

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        page = browser.new_page()
        page.add_script_tag(path=LIBRARY["plotly.js"])
        for output in outputs:
            if figure := output.get("data", {}).get(FIGURE):
                picture = page.evaluate(DRAW, figure).partition(",")[2]
                output["data"] = {"image/png": picture}
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
