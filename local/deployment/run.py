"""``make run``: from nothing to what users listen to, through a real Airflow on this machine."""

import os
import shlex
import sys
import time
from dataclasses import dataclass

from local.api.follow import LoadFailed
from local.deployment.closing import show_ended, show_loaded, show_serving
from local.deployment.deployment import Deployment, services_of
from local.deployment.layout import Layout
from local.deployment.load import load
from local.deployment.lock import only_run
from local.deployment.ports import choose_port
from local.deployment.source import source_url
from local.deployment.warehouse import ask
from local.terminal.errors import Trouble
from local.terminal.screen import Screen
from local.terminal.signals import Interrupted, hang_up_if_unread, held, listen


@dataclass(frozen=True)
class Wishes:
    """What the person asked for, by environment variables."""

    once: bool
    port: str | None
    source: str | None
    schedule: bool = False
    warehouse: str = ""

    @classmethod
    def read(cls) -> "Wishes":
        """The wishes in this process's environment."""
        source, port = os.environ.get("SPARKIFY_SOURCE"), os.environ.get("PORT")
        return cls(_is_on("ONCE"), port, source, _is_on("SCHEDULE"), _warehouse())

    def command(self, source: str, **more: str) -> str:
        """``make run`` for the same source, port and warehouse, to be pasted into a shell."""
        repeated = {
            # As it was resolved: a relative path would depend on where it is pasted.
            "SPARKIFY_SOURCE": source if self.source else "",
            "PORT": self.port or "",
            "WAREHOUSE": self.warehouse if self.warehouse == "redshift" else "",
        } | more
        words = [f"{name}={shlex.quote(value)}" for name, value in repeated.items() if value]
        # As environment: make would look for variables of its own in an argument.
        return " ".join([*words, "make run"])


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").lower() not in ("", "0", "no", "false", "off")


def _warehouse() -> str:
    named = os.environ.get("WAREHOUSE", "postgres")
    if named not in ("postgres", "redshift"):
        raise Trouble(f"WAREHOUSE={named} is not known: it is postgres or redshift.")
    return named


def main() -> int:
    """Run, and tell in plain words what stands in the way; return the exit status."""
    listen()
    screen = Screen.of_output()
    layout = Layout.here()
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
        span = load(deployment, screen, once=wishes.once, schedule=wishes.schedule)
        keep_postgres = True
        show_loaded(screen, deployment, ask(deployment.exported, span), span)
        if wishes.once:
            end_airflow(deployment, screen)
            show_ended(screen, deployment, wishes.command)
        else:
            show_serving(screen, deployment, wishes.command, span)
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
