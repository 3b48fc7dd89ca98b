"""Report why a command cannot work in a sentence instead of a traceback."""

import sys
import warnings
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
from sparkify.doctor.errors import describe
from sparkify.settings import WAREHOUSE
from sparkify.warehouse import UnreachableError

FAILED = 1

ON_A_LAPTOP = "On a laptop, start it with `make run`, then run `source .local/env` here"


def command(function: Callable[[Namespace, Screen], int]) -> Callable[[Namespace], None]:
    """Turn a function into an Airflow command that exits with its result, or reports a failure."""

    @wraps(function)
    def run(args: Namespace) -> None:
        screen = Screen(Console(), Console(stderr=True))
        try:
            # Check first, because otherwise Airflow logs a traceback before the command begins.
            with create_session() as session:
                session.execute(select(1))
            # Airflow's decorators discard the return value.
            _with_airflow(lambda: sys.exit(function(args, screen)))(args)
        except Refused as refusal:
            screen.print_error(str(refusal))
        except AirflowException as error:
            screen.print_error(describe(error))
        except DBAPIError as error:
            screen.print_error(
                f"Airflow's metadata database cannot be queried: {first_line(error.orig)}\n"
                f"{ON_A_LAPTOP}; elsewhere check the setting [database] sql_alchemy_conn."
            )
        sys.exit(FAILED)

    return run


def remote_command(function: Callable[[Namespace, Screen], int]) -> Callable[[Namespace], None]:
    """Turn a function into a command that does without Airflow's metadata database."""

    @wraps(function)
    def run(args: Namespace) -> None:
        screen = Screen(Console(), Console(stderr=True))
        try:
            with warnings.catch_warnings(action="ignore"):
                sys.exit(function(args, screen))
        except Refused as refusal:
            screen.print_error(str(refusal))
        sys.exit(FAILED)

    return run


def _with_airflow(work: Callable[[], None]) -> Callable[[Namespace], None]:
    """Wrap the work in the decorators of Airflow's own commands, which are untyped."""

    @cli.action_cli  # type: ignore[untyped-decorator]
    @cli.suppress_logs_and_warning
    @providers_configuration_loaded
    def run(args: Namespace) -> None:  # noqa: ARG001 - Airflow reads it
        work()

    return run  # type: ignore[no-any-return]  # the decorators are untyped


@contextmanager
def explain_warehouse_errors() -> Iterator[None]:
    """Refuse if the warehouse cannot be reached, or lacks a table or a column."""
    try:
        yield
    except UnreachableError as error:
        raise Refused(f"{error}\n{ON_A_LAPTOP}.") from error
    except AirflowException as error:
        raise Refused(f"The warehouse cannot be queried: {error}") from error
    except _driver_errors() as error:
        raise Refused(
            f"The warehouse cannot be queried: {first_line(error)}\n"
            f"Check the connection {WAREHOUSE}. {ON_A_LAPTOP}; if the warehouse lacks a table or a "
            "column, run the DAG sparkify_schema."
        ) from error


def _driver_errors() -> tuple[type[Exception], ...]:
    """Return the error classes of the drivers that have been imported."""
    names = ("psycopg", "redshift_connector")
    return tuple(sys.modules[name].Error for name in names if name in sys.modules)


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error, which for a database says what is wrong."""
    return str(error).strip().split("\n", maxsplit=1)[0]
