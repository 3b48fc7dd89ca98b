"""``make run``: load a source through a real Airflow on this machine, and serve the result."""

import os
import shlex
import sys
import time
from dataclasses import dataclass

from local.api.follow import LoadError
from local.deployment.closing import show_loaded, show_serving, show_stopped
from local.deployment.deployment import Deployment, postgres_of, services_of
from local.deployment.layout import Layout
from local.deployment.load import load
from local.deployment.lock import single_instance
from local.deployment.ports import choose_port, requested_port
from local.deployment.source import source_url
from local.deployment.warehouse import ask
from local.terminal.errors import UserError
from local.terminal.screen import Screen
from local.terminal.signals import Interrupted, defer_signals, handle_signals, hang_up_if_unread


@dataclass(frozen=True)
class Options:
    """The user's options, given as environment variables."""

    once: bool
    port: str | None
    source: str | None
    schedule: bool = False
    warehouse: str = ""
    bi_port: str = ""

    @classmethod
    def read(cls) -> "Options":
        """Read the options from the environment."""
        source, port = os.environ.get("SPARKIFY_SOURCE"), os.environ.get("PORT")
        bi_port = os.environ.get("BI_PORT", "")
        return cls(_is_on("ONCE"), port, source, _is_on("SCHEDULE"), _warehouse(), bi_port)

    def command(self, source: str, **more: str) -> str:
        """Return ``make run`` for the same source, ports and warehouse, ready to paste."""
        repeated = {
            # Resolved, because a relative path would depend on the current folder.
            "SPARKIFY_SOURCE": source if self.source else "",
            "PORT": self.port or "",
            "BI_PORT": self.bi_port,
            "WAREHOUSE": self.warehouse if self.warehouse == "redshift" else "",
        } | more
        assignments = [f"{name}={shlex.quote(value)}" for name, value in repeated.items() if value]
        # As environment variables: make would expand a dollar sign in an argument.
        return " ".join([*assignments, "make run"])


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").lower() not in ("", "0", "no", "false", "off")


def _warehouse() -> str:
    warehouse = os.environ.get("WAREHOUSE", "postgres")
    if warehouse not in ("postgres", "redshift"):
        raise UserError(f"WAREHOUSE={warehouse} is unknown: use postgres or redshift.")
    return warehouse


def main() -> int:
    """Run and return the exit status."""
    handle_signals()
    screen = Screen.on_stdout()
    layout = Layout.here()
    try:
        with single_instance(layout.local / "lock"):
            return run(layout, Options.read(), screen)
    except UserError as error:
        screen.print(f"\n{error}")
        return 1
    except Interrupted as interruption:
        screen.print("\nInterrupted. Nothing is left running; `make run` resumes from here.")
        return 128 + interruption.number


def run(layout: Layout, options: Options, screen: Screen) -> int:
    """Load, show the result and, unless ONCE is set, serve; stop every process at the end."""
    source = source_url(options.source, layout.sample)
    # A killed run could not stop its processes.
    services_of(layout).stop()
    on_redshift = options.warehouse == "redshift"
    port = choose_port(options.port)
    bi_port = choose_bi_port(layout, options.bi_port, port)
    deployment = Deployment(layout, port, source, on_redshift=on_redshift, bi_port=bi_port)
    keep_postgres = deployment.postgres.is_running()
    try:
        span = load(deployment, screen, once=options.once, schedule=options.schedule)
        keep_postgres = True
        show_loaded(screen, deployment, ask(deployment.exported, span), span)
        if options.once:
            stop_airflow(deployment, screen)
            show_stopped(screen, deployment, options.command)
        else:
            show_serving(screen, deployment, options.command, span)
        if not options.once:
            keep_postgres = False
            serve(deployment, screen)
    except LoadError:
        keep_postgres = True
        raise
    except Interrupted:
        keep_postgres = False
        raise
    finally:
        with defer_signals():
            stop_airflow(deployment, screen)
            if not keep_postgres:
                deployment.postgres.stop()
    return 0


def choose_bi_port(layout: Layout, wanted: str, web_port: int) -> int | None:
    """Return the requested port, which may be the one that PostgreSQL is on already, or None."""
    if not wanted:
        return None
    ours = postgres_of(layout).open_port()
    port = requested_port("BI_PORT", wanted, "leave out BI_PORT to use none", ours)
    if port == web_port:
        raise UserError(f"BI_PORT={port} is the web UI's port: choose another, such as 5433.")
    return port


def serve(deployment: Deployment, screen: Screen) -> None:
    """Keep Airflow running until interrupted."""
    try:
        while True:
            deployment.services.check()
            hang_up_if_unread()
            time.sleep(1)
    except Interrupted:
        screen.print("")


def stop_airflow(deployment: Deployment, screen: Screen) -> None:
    """Stop Airflow's processes, if there are any."""
    if deployment.services.any():
        with screen.step("Stopping Airflow"):
            deployment.services.stop()


if __name__ == "__main__":
    sys.exit(main())
