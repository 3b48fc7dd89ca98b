"""The statements of ``sql/`` that a command runs, about a range of hours."""

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sparkify.macros import MACROS
from sparkify.page.questions import SQL
from sparkify.window import Window


def statement(name: str, hours: Window | None = None) -> str:
    """A file's SQL; without a range it is about everything."""
    environment = Environment(
        loader=FileSystemLoader(SQL),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it is SQL
    )
    environment.globals.update(MACROS)
    if hours:
        environment.globals["in_range"] = hours.holds
    return environment.get_template(name).render()
