"""What Airflow learns from the entry point ``apache_airflow_provider``: a command of its CLI."""

import sys
from typing import Any

DISTRIBUTION = "sparkify-warehouse"


def provider_info() -> dict[str, Any]:
    """The provider info; every process of Airflow asks for it, so it imports nothing."""
    return {
        "package-name": DISTRIBUTION,
        "name": "Sparkify warehouse",
        "description": "Adds the commands `airflow sparkify hours`, `audit`, `forget` and, removed "
        "in Airflow 3, `airflow dags backfill`.",
        "cli": [f"{__name__}.add_commands"],
    }


def add_commands() -> list[Any]:
    """
    The group ``sparkify``; and ``backfill`` in the group ``dags``, unless Airflow has it again.

    A provider can only add groups, and a second one named ``dags`` breaks the whole CLI: so the
    group is replaced where the parser, which is just being imported, keeps it.
    """
    from sparkify.cli.arguments import BACKFILL, SPARKIFY

    commands = sys.modules["airflow.cli.cli_parser"].airflow_commands
    place, dags = next((i, group) for i, group in enumerate(commands) if group.name == "dags")
    if BACKFILL.name not in [command.name for command in dags.subcommands]:
        commands[place] = dags._replace(subcommands=(*dags.subcommands, BACKFILL))
    return [SPARKIFY]
