"""What keeps a command from its work, told in a sentence rather than a traceback."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from airflow.sdk.exceptions import AirflowException
from airflow.utils import cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from airflow.utils.session import create_session
from rich.console import Console
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from sparkify.cli.request import Refused
from sparkify.cli.screen import Screen
from sparkify.settings import WAREHOUSE

FAILED = 1


def command(function: Callable[[Namespace, Screen], int]) -> Callable[[Namespace], None]:
    """Make a function a command of Airflow: it ends with the exit status, or says why it cannot."""

    @wraps(function)
    def run(args: Namespace) -> None:
        screen = Screen(Console(), Console(stderr=True))
        try:
            # First: where it cannot be reached, Airflow logs so before the command begins.
            with create_session() as session:
                session.execute(select(1))
            # Airflow's own decorators do not pass on what is returned.
            _with_airflow(lambda: sys.exit(function(args, screen)))(args)
        except Refused as refusal:
            screen.complain(str(refusal))
        except DBAPIError as error:
            screen.complain(
                f"Airflow's metadata database cannot be asked: {first_line(error.orig)}\n"
                "On a laptop, start it with `make run`, then call `source .local/env` here; "
                "elsewhere see the setting [database] sql_alchemy_conn."
            )
        sys.exit(FAILED)

    return run


def _with_airflow(work: Callable[[], None]) -> Callable[[Namespace], None]:
    """Work within what Airflow does around a command of its own, in decorators without types."""

    @cli.action_cli  # type: ignore[untyped-decorator]
    @cli.suppress_logs_and_warning
    @providers_configuration_loaded
    def run(args: Namespace) -> None:  # noqa: ARG001 - Airflow looks at it
        work()

    return run  # type: ignore[no-any-return]


@contextmanager
def asking_the_warehouse() -> Iterator[None]:
    """Refuse in a sentence where the warehouse cannot be reached, or lacks what is asked for."""
    try:
        yield
    except AirflowException as error:
        raise Refused(f"The warehouse cannot be asked: {error}") from error
    except _driver_errors() as error:
        raise Refused(
            f"The warehouse cannot be asked: {first_line(error)}\n"
            f"It is where the connection {WAREHOUSE} leads to. On a laptop, start it with "
            "`make run`, then call `source .local/env` here; where it lacks a table or a "
            "column, run the DAG sparkify_schema."
        ) from error


def _driver_errors() -> tuple[type[Exception], ...]:
    """The errors of the drivers that are in use: what was not imported has not raised."""
    drivers = [
        sys.modules[name] for name in ("psycopg", "redshift_connector") if name in sys.modules
    ]
    return tuple(driver.Error for driver in drivers)


def first_line(error: BaseException | None) -> str:
    """The first line of an error, which for a database says what is wrong."""
    return str(error).strip().split("\n", maxsplit=1)[0]
