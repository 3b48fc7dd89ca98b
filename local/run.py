"""``make run``: from nothing to what users listen to, through a real Airflow on this machine."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from local.deployment import Deployment, services_of
from local.follow import LoadFailed
from local.interruption import Interrupted, hang_up_if_unread, held, listen
from local.layout import Layout
from local.load import load
from local.lock import only_run
from local.ports import choose_port
from local.report import show_loaded, show_next
from local.screen import Screen
from local.source import source_url
from local.trouble import Trouble
from local.warehouse import ask


@dataclass(frozen=True)
class Wishes:
    """What the person asked for, by environment variables."""

    once: bool
    port: str | None
    source: str | None
    warehouse: str = ""

    @classmethod
    def read(cls) -> "Wishes":
        """The wishes in this process's environment."""
        once = os.environ.get("ONCE", "").lower() not in ("", "0", "no", "false")
        return cls(once, os.environ.get("PORT"), os.environ.get("SPARKIFY_SOURCE"), _warehouse())


def _warehouse() -> str:
    named = os.environ.get("WAREHOUSE", "postgres")
    if named not in ("postgres", "redshift"):
        raise Trouble(f"WAREHOUSE={named} is not known: it is postgres or redshift.")
    return named


def main() -> int:
    """Run, and tell in plain words what stands in the way; return the exit status."""
    listen()
    screen = Screen.of_output()
    layout = Layout(Path.cwd())
    try:
        with only_run(layout.local / "lock"):
            return run(layout, Wishes.read(), screen)
    except Trouble as trouble:
        screen.say(f"\n{trouble}")
        return 1
    except Interrupted as interruption:
        screen.say("\nInterrupted. Nothing is left running; `make run` picks up from here.")
        return 128 + interruption.number


def run(layout: Layout, wishes: Wishes, screen: Screen) -> int:
    """Load, show, and serve if so wished; whatever happens, no process is forgotten."""
    source = source_url(wishes.source, layout.sample)
    # A runner that was killed could not end its own.
    services_of(layout).end()
    on_redshift = wishes.warehouse == "redshift"
    deployment = Deployment(layout, choose_port(wishes.port), source, on_redshift=on_redshift)
    keep_postgres = deployment.postgres.is_running()
    try:
        span = load(deployment, screen, wishes.once)
        keep_postgres = True
        show_loaded(screen.console, ask(deployment.exported), span)
        if wishes.once:
            end_airflow(deployment, screen)
        show_next(screen, deployment, wishes.once)
        if not wishes.once:
            keep_postgres = False
            serve(deployment, screen)
    except LoadFailed:
        keep_postgres = True
        raise
    except Interrupted:
        keep_postgres = False
        raise
    finally:
        with held():
            end_airflow(deployment, screen)
            if not keep_postgres:
                deployment.postgres.stop()
    return 0


def serve(deployment: Deployment, screen: Screen) -> None:
    """Keep Airflow going until somebody ends it."""
    try:
        while True:
            deployment.services.check()
            hang_up_if_unread()
            time.sleep(1)
    except Interrupted:
        screen.say("")


def end_airflow(deployment: Deployment, screen: Screen) -> None:
    """End Airflow's processes, where there are any."""
    if deployment.services.any():
        with screen.step("Ending Airflow"):
            deployment.services.end()


if __name__ == "__main__":
    sys.exit(main())
