"""The closing screen: what was loaded, what users listen to, and where to go from here."""

import shlex
from collections.abc import Callable
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from local.deployment.credentials import WEB_USER
from local.deployment.deployment import Deployment
from local.deployment.load import DAG, Span
from local.deployment.warehouse import Loaded
from local.terminal.screen import Screen

PAGE = "/plugin/sparkify"
LONG = 40
"""Characters of a command beside which the others are not lined up."""
BESIDE = {
    "SPARKIFY_SOURCE=folder make run": "load your own files, from a folder or s3://bucket, into a "
    "database of their own",
    "make stop": "end PostgreSQL",
    "make clean": "remove everything that was made here",
}


def show_loaded(screen: Screen, deployment: Deployment, loaded: Loaded, span: Span) -> None:
    """Print what was loaded, from where, and the songs played most."""
    screen.say(f"\nThe source: {deployment.source_in_words}")
    screen.console.print(_rows(loaded, span))
    for source_file, line_number, reason in loaded.rejects:
        screen.say(f"  rejected: {source_file}, line {line_number}: {reason}")
    screen.say(
        "Matched is a play whose title, artist and duration are those of a song of the catalogue; "
        "every other play\nkeeps its song and artist as played. A user without a play was seen on "
        "other pages only.\n"
    )
    screen.console.print(_most_played(loaded))


def show_ended(screen: Screen, deployment: Deployment, command: Callable[..., str]) -> None:
    """Print what to try while only PostgreSQL runs, one command a line."""
    screen.say("\nPostgreSQL goes on; Airflow has ended. Next:")
    serve = {
        command(deployment.source): f"serve the web UI and the page too ({_login(deployment)})"
    }
    _show_commands(screen, serve | _here(deployment) | BESIDE)


def show_serving(
    screen: Screen, deployment: Deployment, command: Callable[..., str], span: Span
) -> None:
    """Print where the web UI and the page are, what is scheduled, and what to try."""
    screen.say(f"\nThe web UI: {deployment.url}  ({_login(deployment)})")
    screen.say(f"What users listen to, as charts: {deployment.url}{PAGE}")
    if span.scheduled:
        screen.say("The hourly schedule is on. Ctrl-C ends everything. In another terminal:")
    else:
        last = span.end - timedelta(seconds=1)
        screen.say(
            f"The hourly schedule is off, as the source ended on {last:%Y-%m-%d}; runs that are "
            f"triggered, and backfills, run.\nWith the schedule on: "
            f"{command(deployment.source, SCHEDULE='1')}"
        )
        screen.say("Ctrl-C ends everything. In another terminal:")
    folder = shlex.quote(str(deployment.layout.root))
    _show_commands(screen, {f"cd {folder}": ""} | _here(deployment))


def _here(deployment: Deployment) -> dict[str, str]:
    """What can be tried with what was loaded."""
    commands = {"source .local/env": "reach this deployment from the shell; then, for instance:"}
    if deployment.database:
        commands["psql"] = f"ask the warehouse, {deployment.database} (try: \\d songplays)"
    return commands | {
        f"airflow dags list-runs {DAG}": "what Airflow has run",
        "make report": "what users listen to, as one HTML file",
    }


def _login(deployment: Deployment) -> str:
    return f"user {WEB_USER}, password {deployment.secrets.web_password}"


def _show_commands(screen: Screen, commands: dict[str, str]) -> None:
    width = max(len(command) for command in commands if len(command) < LONG)
    for command, meaning in commands.items():
        screen.say(f"  {command:<{width}}  {meaning}".rstrip())


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
        # As text: a title in square brackets is no markup.
        table.add_row(Text(str(title)), Text(str(artist)), f"{plays:,}")
    return table
