"""A temporary deployment for a benchmark or a test, separate from ``make run``'s."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.deployment.deployment import Deployment
from local.deployment.environment import WAREHOUSE_CONNECTION
from local.deployment.layout import Layout
from local.deployment.ports import free_port
from local.deployment.source import source_url
from local.terminal.signals import defer_signals

PARTS = ("dags", "plugins", "sql")
"""What is copied, so that a trial can add DAGs."""


@contextmanager
def trial(project: Path, folder: Path, source: str | None) -> Iterator[Deployment]:
    """
    Yield a deployment of a copy of the project, not yet started; stop and remove it afterwards.

    :param project: folder of the project
    :param folder: folder to work in; its previous contents are removed
    :param source: source to load; by default, a new sample
    """
    # A trial loads its own warehouse, even if the environment names another one.
    os.environ.pop(WAREHOUSE_CONNECTION, None)
    shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(project / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    layout = Layout(folder)
    deployment = Deployment(layout, free_port(), source_url(source, layout.sample))
    try:
        yield deployment
    finally:
        with defer_signals():
            deployment.services.stop()
            deployment.postgres.stop()
            shutil.rmtree(folder, ignore_errors=True)
