"""A deployment apart from ``make run``'s, for a measurement or a test; nothing of it stays."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.deployment.deployment import Deployment
from local.deployment.environment import WAREHOUSE_CONNECTION
from local.deployment.layout import Layout
from local.deployment.ports import any_free
from local.deployment.source import source_url
from local.terminal.signals import held

PARTS = ("dags", "plugins", "sql")
"""What a deployment is made of; a copy, so that a trial may add DAGs of its own."""


@contextmanager
def trial(project: Path, folder: Path, source: str | None) -> Iterator[Deployment]:
    """
    Give a deployment of a copy of the project, nothing of it started; end and remove all of it.

    :param project: folder of the project
    :param folder: folder to work in; what it holds is removed first
    :param source: what is loaded; by default a sample of its own
    """
    # A trial fills its own warehouse, whichever one the person's environment leads to.
    os.environ.pop(WAREHOUSE_CONNECTION, None)
    shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(project / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    layout = Layout(folder)
    deployment = Deployment(layout, any_free(), source_url(source, layout.sample))
    try:
        yield deployment
    finally:
        with held():
            deployment.services.end()
            deployment.postgres.stop()
            shutil.rmtree(folder, ignore_errors=True)
