"""The SQL of ``sql/`` outside of tasks: templates, and the statements that a command runs."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sparkify.macros import MACROS
from sparkify.window import Window

SQL = Path(__file__).parents[2] / "sql"
"""Where it stands in a deployment: beside ``plugins/``."""

ENVIRONMENT = Environment(
    loader=FileSystemLoader(SQL),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - it is SQL
)


def statement(name: str, hours: Window | None = None) -> str:
    """A file's SQL about a range of hours; without one it is about everything."""
    about = {"in_range": hours.holds} if hours else {}
    return ENVIRONMENT.get_template(name).render(MACROS | about)
