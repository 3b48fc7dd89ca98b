"""The closing screen: what was loaded, what users listen to, and what to do next."""

import shlex
from collections.abc import Callable
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from local.deployment.credentials import WEB_USER
from local.deployment.deployment import Deployment
from local.deployment.load import DAG, Span
from local.deployment.warehouse import Loaded
from local.servers.postgres import HOST, READER
from local.terminal.screen import Screen

PAGE = "/plugin/sparkify"
LONG = 40
"""Length from which a command is ignored when the descriptions are aligned."""
MORE_COMMANDS = {
    "SPARKIFY_SOURCE=folder make run": "load your own files, from a folder or s3://bucket, into "
    "their own database",
    "make stop": "stop PostgreSQL",
    "make clean": "remove everything that was created here",
}


def show_loaded(screen: Screen, deployment: Deployment, loaded: Loaded, span: Span) -> None:
    """Print the source, what was loaded, and the most played songs."""
    screen.print(f"\nThe source: {deployment.source_name}")
    screen.console.print(_rows(loaded, span))
    for source_file, line_number, reason in loaded.rejects:
        screen.print(f"  rejected: {source_file}, line {line_number}: {reason}")
    screen.print(
        "A play is matched if the catalogue has a song of its title, artist and duration; every "
        "other play\nkeeps its song and artist as played. Users without a play visited other pages "
        "only.\n"
    )
    screen.console.print(_most_played(loaded))


def show_stopped(screen: Screen, deployment: Deployment, command: Callable[..., str]) -> None:
    """Print what to do next while only PostgreSQL runs."""
    _show_bi_connection(screen, deployment)
    screen.print("\nAirflow has stopped; PostgreSQL is still running. Next:")
    serve = {
        command(deployment.source): f"also serve the web UI and the page ({_login(deployment)})"
    }
    _show_commands(screen, serve | _commands(deployment) | MORE_COMMANDS)


def show_serving(
    screen: Screen, deployment: Deployment, command: Callable[..., str], span: Span
) -> None:
    """Print the addresses of the web UI and the page, the schedule, and what to do next."""
    screen.print(f"\nThe web UI: {deployment.url}  ({_login(deployment)})")
    screen.print(f"Charts of what users listen to: {deployment.url}{PAGE}")
    _show_bi_connection(screen, deployment)
    if span.scheduled:
        screen.print("The hourly schedule is on. Ctrl-C stops everything. In another terminal:")
    else:
        last = span.end - timedelta(seconds=1)
        screen.print(
            f"The hourly schedule is off because the source ends on {last:%Y-%m-%d}; triggered "
            f"runs and backfills still work.\nTo turn it on: "
            f"{command(deployment.source, SCHEDULE='1')}"
        )
        screen.print("Ctrl-C stops everything. In another terminal:")
    folder = shlex.quote(str(deployment.layout.root))
    _show_commands(screen, {f"cd {folder}": ""} | _commands(deployment))


def _show_bi_connection(screen: Screen, deployment: Deployment) -> None:
    if port := deployment.postgres.tcp_port:
        screen.print(
            f"BI tools: PostgreSQL at {HOST}, port {port}, database {deployment.database}, "
            f"user {READER},\nwhose password is in {deployment.layout.reader_password}"
        )


def _commands(deployment: Deployment) -> dict[str, str]:
    """Return commands that use this deployment, with their descriptions."""
    commands = {"source .local/env": "connect this shell to the deployment; then, for example:"}
    if deployment.database:
        commands["psql"] = f"query the warehouse, {deployment.database} (try: \\d songplays)"
    return commands | {
        f"airflow dags list-runs {DAG}": "list the runs",
        "make report": "write what users listen to as one HTML file",
    }


def _login(deployment: Deployment) -> str:
    return f"user {WEB_USER}, password {deployment.secrets.web_password}"


def _show_commands(screen: Screen, commands: dict[str, str]) -> None:
    width = max(len(command) for command in commands if len(command) < LONG)
    for command, meaning in commands.items():
        screen.print(f"  {command:<{width}}  {meaning}".rstrip())


def _rows(loaded: Loaded, span: Span) -> Table:
    table = Table("table", title=f"What was loaded: {span}", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("of these")
    levels = ", ".join(f"{count:,} {level}" for level, count in loaded.levels.items())
    silent = loaded.rows["users"] - loaded.listeners
    notes = {
        "songplays": f"{loaded.matched:,} matched to a song",
        "users": f"{levels}; {silent:,} without a play",
    }
    for name, count in loaded.rows.items():
        table.add_row(name, f"{count:,}", notes.get(name, ""))
    table.add_row("rejected_rows", f"{loaded.rejected:,}", "kept with file, line and reason")
    return table


def _most_played(loaded: Loaded) -> Table:
    table = Table("song", "artist", title="Most played songs", title_justify="left")
    table.add_column("plays", justify="right")
    for title, artist, plays in loaded.most_played:
        # Text, because rich would read a title in square brackets as markup.
        table.add_row(Text(str(title)), Text(str(artist)), f"{plays:,}")
    return table
