"""The entry point ``apache_airflow_provider``, through which Airflow finds the commands."""

import sys
from typing import Any

DISTRIBUTION = "sparkify-warehouse"


def provider_info() -> dict[str, Any]:
    """Return the provider info without imports, as every process of Airflow calls this."""
    return {
        "package-name": DISTRIBUTION,
        "name": "Sparkify warehouse",
        "description": "Adds the commands `airflow sparkify doctor`, `plan`, `hours`, "
        "`changes`, `audit`, `forget` and, removed in Airflow 3, `airflow dags backfill`.",
        "cli": [f"{__name__}.add_commands"],
    }


def add_commands() -> list[Any]:
    """
    Return the group ``sparkify``, and add ``backfill`` to the group ``dags`` if it lacks it.

    A provider can only add groups, and a second group ``dags`` would break the whole CLI. So the
    group is replaced in the parser, which is being imported at this point.
    """
    from sparkify.cli.arguments import BACKFILL, SPARKIFY

    commands = sys.modules["airflow.cli.cli_parser"].airflow_commands
    place, dags = next((i, group) for i, group in enumerate(commands) if group.name == "dags")
    if BACKFILL.name not in [command.name for command in dags.subcommands]:
        commands[place] = dags._replace(subcommands=(*dags.subcommands, BACKFILL))
    return [SPARKIFY]
