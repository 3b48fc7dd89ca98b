"""The closing screen: what was loaded, what users listen to, and where to go from here."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.credentials import WEB_USER
from local.deployment import Deployment
from local.screen import Screen
from local.warehouse import Loaded

NEXT = {
    "source .local/env": "reach this deployment from the shell; then, for instance:",
    "psql": "ask the warehouse (try: \\d songplays)",
    "airflow dags list": "what Airflow knows",
    "make report": "what users listen to, as one HTML file",
    "SPARKIFY_SOURCE=folder make run": "load your own files, from a folder or s3://bucket",
}
STOP = {
    "make stop": "end PostgreSQL",
    "make clean": "remove everything that was made here",
}


def show_loaded(console: Console, loaded: Loaded, span: str) -> None:
    """Print what the warehouse holds and the songs played most."""
    console.print()
    console.print(_rows(loaded, span))
    for source_file, line_number, reason in loaded.rejects:
        console.print(f"  rejected: {source_file}, line {line_number}: {reason}", markup=False)
    console.print()
    console.print(_most_played(loaded))


def show_next(screen: Screen, deployment: Deployment, once: bool) -> None:
    """Print where the web UI is and what to try, one command a line."""
    login = f"user {WEB_USER}, password {deployment.secrets.web_password}"
    if once:
        screen.say("\nPostgreSQL goes on; Airflow has ended. Next:")
        tries = {"make run": f"serve the web UI too ({login})"} | NEXT | STOP
    else:
        screen.say(f"\nThe web UI: {deployment.url}  ({login})")
        screen.say("The hourly schedule is on. Ctrl-C ends everything. In another terminal:")
        tries = NEXT
    width = max(map(len, tries))
    for command, meaning in tries.items():
        screen.say(f"  {command:<{width}}  {meaning}")


def _rows(loaded: Loaded, span: str) -> Table:
    table = Table("table", title=f"What was loaded: {span}", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("of these")
    levels = ", ".join(f"{count:,} {level}" for level, count in loaded.levels.items())
    notes = {"songplays": f"{loaded.matched:,} matched to a song", "users": levels}
    for name, count in loaded.rows.items():
        table.add_row(name, f"{count:,}", notes.get(name, ""))
    table.add_row("rejected_rows", f"{loaded.rejected:,}", "kept with file, line and reason")
    return table


def _most_played(loaded: Loaded) -> Table:
    table = Table("song", "artist", title="Most played songs", title_justify="left")
    table.add_column("plays", justify="right")
    for title, artist, plays, *_ in loaded.most_played:
        # As text: a title in square brackets is no markup.
        table.add_row(Text(str(title)), Text(str(artist)), f"{plays:,}")
    return table
